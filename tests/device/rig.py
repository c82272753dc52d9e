"""A phone without a phone: a real adb server and real adbds, in namespaces of their own.

What Android has and Linux has not are small scripts. The adbd of Linux asks nobody for
authentication and listens on every interface, so it runs where only the adb server can reach it.
The server listens on a socket made outside, on 127.0.0.1, so that a client in the test's own
process reaches it. What stands in [ ] runs in the namespaces:

    pytest, adbutils -> 127.0.0.1:server_port
        -> [ adb server -> 127.0.0.1:5641 adbd -> sh, getprop, benchmark_model ]
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from adbutils import adb_path
from android.state import AndroidState

HERE = Path(__file__).resolve().parent
NAMESPACES = ["unshare", "-r", "-n", "-m", "-p", "-f", "--mount-proc", "--kill-child"]
PACKET_BYTES = 1 << 17
PATIENCE_S = 15.0
BOOT_ID = "/proc/sys/kernel/random/boot_id"
CPU_FOLDER = "/sys/devices/system/cpu"
# The server would take phones that really are attached to this machine, and its first answer waits
# 3 s for the search.
NO_REAL_PHONES = {"ADB_USB": "0", "ADB_MDNS": "0", "ADB_EMU": "0"}


def namespaces_refused() -> str:
    """Return why this machine does not give the namespaces, or an empty text."""
    try:
        done = subprocess.run(
            [*NAMESPACES, "true"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=20,
        )
    except OSError as error:
        return str(error)
    return done.stderr.strip() if done.returncode else ""


class Rig(AndroidState):
    """One adb server and as many adbds as a test starts.

    Everything lies in `folder` and ends with close(), or with this process. The state that the
    phone's commands report (properties, battery, screen, ...) is in the base class and shared by
    all adbds.
    """

    def __init__(self, folder: Path, adbd: str):
        super().__init__(folder)
        self.adbd = adbd
        self.server_port = 0
        self._adb = adb_path()  # of now: a test may set another for the code under test
        self._server = 0
        self._asking = threading.Lock()
        self._daemons: dict[str, int] = {}
        self._mounts: list[str] = []
        self._channel, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with inside, (folder / "rig.log").open("wb") as log:
            program = [sys.executable, "-S", str(HERE / "rig_inside.py"), str(inside.fileno())]
            self._process = subprocess.Popen(
                [*NAMESPACES, *program],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[inside.fileno()],
            )
        # The phone's files are this machine's: only the rig's own folder may be written to.
        self._ask("run", argv=["mount", "--bind", str(folder), str(folder)])
        around = next(str(each) for each in folder.resolve().parents if each.is_mount())
        for place in {"/", around}:
            self._ask("run", argv=["mount", "-o", "remount,bind,ro", place])
        self.start_server()

    def start_server(self) -> None:
        """Start the adb server, on the port it had before."""
        with socket.socket() as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", self.server_port))
            listening.listen(64)
            self.server_port = listening.getsockname()[1]
            argv = [self._adb, "-L", "acceptfd:{0}", "nodaemon", "server"]
            env = self._environment | NO_REAL_PHONES
            self._server = self._ask(
                "spawn",
                argv=argv,
                env=env,
                log=str(self.folder / "server.log"),
                descriptors=[listening.fileno()],
            )

    def stop_server(self) -> None:
        """Stop the adb server: connecting to its port is refused from now on."""
        self._kill(self._server)
        with suppress(ConnectionRefusedError):  # a socket outlives its process by a moment
            while True:
                with (
                    suppress(ConnectionResetError),
                    socket.create_connection(("127.0.0.1", self.server_port)),
                ):
                    time.sleep(0.01)

    def start(self, port: int = 5641) -> str:
        """Start an adbd, wait until it listens and return the serial for `adb connect`."""
        return self._start(port, [self.adbd], {"ADBD_PORT": str(port)})

    def start_peer(self, mode: str, port: int = 5651) -> str:
        """Do the same for a peer.py that never gets past the greeting: "unauthorized" or "mute"."""
        return self._start(port, [sys.executable, "-S", str(HERE / "peer.py"), mode, str(port)], {})

    def signal(self, serial: str, number: signal.Signals) -> None:
        """Send a signal to an adbd.

        SIGSTOP is a phone that hangs, SIGCONT lets it go on. SIGKILL, then start() is a phone that
        comes back.
        """
        if number == signal.SIGKILL:
            self._kill(self._daemons[serial])
        else:
            self._ask("kill", pid=self._daemons[serial], number=number)

    def power_off(self, serial: str) -> None:
        """Kill the adbd with all that it started, as a phone that reboots does.

        start() and boot_id() bring it back.
        """
        setting = f"ADBD_PORT={serial.rsplit(':', 1)[1]}"
        self._ask("kill_all", setting=setting)
        self._wait_gone(self._daemons[serial])

    def processes(self) -> list[tuple[int, str]]:
        """Return (pid, command line) of all adbds and of what they started."""
        return [(pid, argv) for pid, argv in self._ask("processes") if pid != self._server]

    def mount(self, path: str, size_kib: int = 2048, options: str = "") -> None:
        """Mount a tmpfs on the folder, which only the phone sees.

        It is a small disk, or has options="noexec" or "ro".
        """
        self._mount("-t", "tmpfs", "-o", f"size={size_kib}k,{options}".rstrip(","), "tmpfs", path)

    def unmount(self, path: str) -> None:
        self._ask("run", argv=["umount", "-l", path])
        self._mounts.remove(path)

    def boot_id(self, text: str) -> None:
        """Set the phone's /proc/sys/kernel/random/boot_id: another one is a reboot."""
        self.boot_id_file.write_text(text + "\n")  # in place: it may be mounted already
        if BOOT_ID not in self._mounts:
            self._mount("--bind", str(self.boot_id_file), BOOT_ID)

    def cpus(self, frequencies: dict[int, dict[str, int]]) -> None:
        """Set the CPUs that the phone shows, in kHz, also in mid-run.

        Such as {0: {"cpuinfo_max_freq": 1593600, "scaling_max_freq": 1593600}}.
        """
        self._write_cpus(frequencies)
        if CPU_FOLDER not in self._mounts:
            self._mount("--bind", str(self.cpu_folder), CPU_FOLDER)

    def close(self) -> None:
        """End every process of the rig."""
        self._channel.close()
        self._process.wait(timeout=20)
        self._stop_stray_server()

    @property
    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.commands}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
        }

    def _start(self, port: int, argv: list[str], env: dict[str, str]) -> str:
        self._wait(lambda: not self._ask("listens", port=port), f"port {port} to be free")
        serial = f"127.0.0.1:{port}"
        log = self.folder / f"{port}.log"
        self._daemons[serial] = self._ask(
            "spawn", argv=argv, env=self._environment | env, log=str(log)
        )
        what = f"{argv[0]} to listen on port {port}"
        self._wait(lambda: self._ask("listens", port=port), what, log)
        return serial

    def _mount(self, *arguments: str) -> None:
        self._ask("run", argv=["mount", *arguments])
        self._mounts.append(arguments[-1])

    def _kill(self, pid: int) -> None:
        self._ask("kill", pid=pid, number=signal.SIGKILL)
        self._wait_gone(pid)

    def _wait_gone(self, pid: int) -> None:
        def has_gone() -> bool:
            return all(pid != other for other, _ in self._ask("processes"))

        self._wait(has_gone, f"process {pid} to end")

    def _ask(self, command: str, descriptors=(), **arguments):
        with self._asking:  # a timer's thread may kill the phone while the test asks something else
            request = json.dumps({"do": command, **arguments}).encode()
            socket.send_fds(self._channel, [request], descriptors)
            packet = self._channel.recv(PACKET_BYTES)
        if not packet:
            raise RuntimeError(f"the rig ended: {_tail(self.folder / 'rig.log')}")
        reply = json.loads(packet)
        if "error" in reply:
            raise RuntimeError(f"in the rig: {reply['error']}")
        return reply["value"]

    def _wait(self, done, what: str, log: Path | None = None) -> None:
        end = time.monotonic() + PATIENCE_S
        while not done():
            if time.monotonic() > end:
                printed = f": {_tail(log)}" if log else ""
                raise TimeoutError(f"waited {PATIENCE_S:g} s for {what}{printed}")
            time.sleep(0.02)

    def _stop_stray_server(self) -> None:
        """End the server that adbutils starts where none answers: it would outlive the test."""
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", self.server_port), timeout=5) as client,
        ):
            client.sendall(b"0009host:kill")
            client.recv(4)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-500:]
