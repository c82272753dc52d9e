"""What the scripts of this folder report: one file a value.

A file is rewritten whole: a command that runs meanwhile reads the old value or the new.
"""

import os
import platform
import shutil
from pathlib import Path

COMMANDS = ("getprop", "dumpsys", "input")
ABI = {"x86_64": "x86_64", "aarch64": "arm64-v8a"}[platform.machine()]
FIRST_PIXEL = {
    "ro.board.platform": "msm8996",
    "ro.boot.hardware.revision": "PVT",
    "ro.build.fingerprint": "google/sailfish/sailfish:10/QP1A.191005.007.A3/5972272:user/"
    "release-keys",
    "ro.build.version.release": "10",
    "ro.build.version.sdk": "29",
    "ro.hardware": "sailfish",
    "ro.product.board": "sailfish",
    "ro.product.brand": "google",
    "ro.product.cpu.abi": ABI,
    "ro.product.cpu.abilist": ABI,
    "ro.product.device": "sailfish",
    "ro.product.manufacturer": "Google",
    "ro.product.model": "Pixel",
    "ro.product.name": "sailfish",
}


class AndroidState:
    """A first-generation Pixel, cool, awake and with the machine's own ABI, in new subfolders."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.commands = folder / "commands"
        self.home = folder / "home"
        self.cpu_folder = folder / "cpu"
        self.boot_id_file = folder / "boot_id"
        self._state = folder / "state"
        self._remote = folder / "remote"
        for each in (self.commands, self._state, self.home, self._remote, self.cpu_folder):
            each.mkdir(parents=True)
        for name in COMMANDS:
            shutil.copy(Path(__file__).parent / name, self.commands)
        self._properties = dict(FIRST_PIXEL)
        self._write_properties()
        self.set_battery_c(27.0)
        self.set_thermal_status(0)
        self.set_screen(True)

    @property
    def remote_folder(self) -> str:
        """For use as the phone's working folder."""
        return str(self._remote)

    def set_property(self, name: str, value: str) -> None:
        self._properties[name] = value
        self._write_properties()

    def remove_property(self, name: str) -> None:
        del self._properties[name]
        self._write_properties()

    def set_battery_c(self, celsius: float) -> None:
        _write(self._state / "battery_tenths_c", str(round(celsius * 10)))

    def set_thermal_status(self, status: int) -> None:
        """0 none, 1 light, 2 moderate, 3 severe, ... as android.os.PowerManager counts."""
        _write(self._state / "thermal_status", str(status))

    def set_screen(self, on: bool) -> None:
        _write(self._state / "screen", "on" if on else "off")

    def screen(self) -> bool:
        """Whether it is on; the phone's own `input keyevent` changes it too."""
        return (self._state / "screen").read_text().strip() == "on"

    def remove_command(self, name: str) -> None:
        """Take one of Android's commands away: "not found", exit code 127."""
        (self.commands / name).unlink()

    def replace_command(self, name: str, script: str) -> None:
        """Let a command of the phone do what the sh lines say.

        Linux's own can be replaced too: replace_command("taskset", "exit 127").
        """
        _write(self.commands / name, f"#!/bin/sh\n{script}\n", mode=0o755)

    def _write_cpus(self, frequencies: dict[int, dict[str, int]]) -> None:
        numbers = f"0-{max(frequencies)}" if max(frequencies) else "0"
        for name in ("online", "possible", "present"):
            _write(self.cpu_folder / name, numbers)
        for cpu, files in frequencies.items():
            folder = self.cpu_folder / f"cpu{cpu}" / "cpufreq"
            folder.mkdir(parents=True, exist_ok=True)
            for name, khz in files.items():
                _write(folder / name, str(khz))

    def _write_properties(self) -> None:
        lines = [f"{name}={value}" for name, value in sorted(self._properties.items())]
        _write(self._state / "properties", "\n".join(lines))


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(text if text.endswith("\n") else text + "\n")
    new.chmod(mode)
    os.replace(new, path)
