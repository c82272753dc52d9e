"""The cores of a phone: which of them benchmark_model is bound to, and whether it stayed there.

Cores are read from cpufreq, not from a table of phones. Big is the cluster with the highest
cpuinfo_max_freq, little that with the lowest (a Pixel 1: CPU 0-1 little, 2-3 big, mask 0c).
"""

import re
from dataclasses import dataclass

from frill.device.phone.connection import Phone
from frill.device.phone.session import WatchedRun
from frill.device.phone.shell import read_script
from frill.params.devices import AdbDevice

CPU_FOLDER = "/sys/devices/system/cpu"


@dataclass(frozen=True)
class Core:
    """Frequencies are None where the phone does not say."""

    cpu: int
    max_khz: int | None
    cap_khz: int | None  # what the phone allows at the moment: heat lowers it


def read_cores(phone: Phone) -> list[Core]:
    """Return every core that the kernel lists, in order."""
    printed = phone.run_script(read_script("list_cores"), CPU_FOLDER).stdout
    frequencies: dict[int, dict[str, int]] = {}
    for cpu, name, khz in re.findall(r"^cpu(\d+)(?: (\w+) (\d+))?$", printed, re.MULTILINE):
        of_core = frequencies.setdefault(int(cpu), {})
        if name:
            of_core[name] = int(khz)
    return [
        Core(cpu, of_core.get("cpuinfo_max_freq"), of_core.get("scaling_max_freq"))
        for cpu, of_core in sorted(frequencies.items())
    ]


def choose_cpus(choice: str, cores: list[Core]) -> list[int]:
    """Return the cores that big, little, any or a hexadecimal mask means, or raise ValueError."""
    if choice == "any":
        return [core.cpu for core in cores]
    if choice not in ("big", "little"):
        mask = int(choice, 16)
        asked = [cpu for cpu in range(mask.bit_length()) if mask >> cpu & 1]
        present = [core.cpu for core in cores]
        missing = sorted(set(asked) - set(present))
        if missing:
            raise ValueError(f"names core {missing[0]}, and there are cores 0 to {max(present)}")
        return asked
    known = [core for core in cores if core.max_khz is not None]
    if not known:
        raise ValueError(
            "cannot be told: the phone does not say its cores' frequencies (cpuinfo_max_freq); "
            "give a mask, such as '0c' for cores 2 and 3"
        )
    pick = max if choice == "big" else min
    cluster_khz = pick(core.max_khz for core in known)
    return [core.cpu for core in known if core.max_khz == cluster_khz]


def format_mask(cpus: list[int]) -> str:
    """Return the mask for taskset: hexadecimal, without 0x, which Android's toybox refuses."""
    return f"{sum(1 << cpu for cpu in cpus):x}"


@dataclass
class Affinity:
    """The CPU affinity of benchmark_model: `cpus` of `cores`, as `choice` means them."""

    choice: str
    threads: int
    cores: list[Core]
    cpus: list[int]

    @property
    def mask(self) -> str:
        """The mask for taskset."""
        return format_mask(self.cpus)

    def find_fault(self, run: WatchedRun) -> str:
        """Return why a process does not count; empty if it does."""
        return self._find_move(run) or self._find_throttling(run)

    def _find_move(self, run: WatchedRun) -> str:
        if self.choice == "any":
            return ""
        outside = set().union(*run.cpus_of_threads) - set(self.cpus)
        if outside:
            return f"it ran on core {min(outside)}, outside of the mask {self.mask}"
        if self.threads == 1:
            places = {core.cpu: core.cpu for core in self.cores}
        else:  # the scheduler may move them among cores of one speed
            places = {core.cpu: core.max_khz for core in self.cores}
        for cpus in run.cpus_of_threads:
            if len({places.get(cpu) for cpu in cpus}) > 1:
                return f"a thread moved between cores {', '.join(map(str, sorted(cpus)))}"
        return ""

    def _find_throttling(self, run: WatchedRun) -> str:
        caps_khz = {core.cpu: core.cap_khz for core in self.cores}
        for cpu, khz in run.lowest_cap_khz.items():
            if cpu in self.cpus and caps_khz[cpu] and khz < caps_khz[cpu]:
                before_mhz = caps_khz[cpu] // 1000
                return f"core {cpu} was throttled from {before_mhz} to {khz // 1000} MHz"
        return ""

    def describe_caps(self) -> list[str]:
        """Return a sentence for each core that was below its highest frequency from the start."""
        return [
            f"core {core.cpu} was capped at {core.cap_khz // 1000} of {core.max_khz // 1000} MHz "
            "from the start"
            for core in self.cores
            if core.cpu in self.cpus and core.max_khz and core.cap_khz
            if core.cap_khz < core.max_khz
        ]

    def summarise_khz(self, runs: list[WatchedRun]) -> dict[str, dict[str, int | None]]:
        """Return each core's highest frequency, its cap at the start, the lowest seen in `runs`."""
        frequencies = {}
        for core in self.cores:
            if core.cpu in self.cpus:
                seen_khz = [run.lowest_khz[core.cpu] for run in runs if core.cpu in run.lowest_khz]
                lowest_khz = min(seen_khz, default=None)
                row = {"max": core.max_khz, "cap": core.cap_khz, "lowest": lowest_khz}
                frequencies[str(core.cpu)] = row
        return frequencies


def bind_cores(phone: Phone, key: str, device: AdbDevice) -> Affinity:
    """Return the affinity that the settings at `key` ask for.

    Raises DeviceError where the phone has no such cores, or fewer than threads.
    """
    cores = read_cores(phone)
    try:
        cpus = choose_cpus(device.cores, cores)
    except ValueError as error:
        raise phone.error(f"{key}.cores = {device.cores!r} {error}") from None
    if device.threads > len(cpus):
        raise phone.error(
            f"{key}.threads = {device.threads}, and cores: {device.cores} has {len(cpus)}: "
            "lower threads, or choose other cores"
        )
    return Affinity(device.cores, device.threads, cores, cpus)
