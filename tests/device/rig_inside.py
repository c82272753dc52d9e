"""The rig's part inside the namespaces: process 1 there.

It obeys rig.py, which sends one JSON object a packet and gets one back. It ends when rig.py's end
of the socket closes. Then the kernel kills every other process of the namespace. It imports the
standard library only: it may run before anything is installed, and it must start fast.
"""

import ctypes
import errno
import fcntl
import json
import os
import platform
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

SIOCSIFFLAGS, IFF_UP = 0x8914, 1
LISTENING = "0A"  # /proc/net/tcp's code of the state
PACKET_BYTES = 1 << 17
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EAFNOSUPPORT
SOCKET_CALL = {"x86_64": 41, "aarch64": 198}


def main(channel: socket.socket) -> None:
    _raise_loopback()
    _forbid_vsock()
    signal.signal(signal.SIGCHLD, lambda *_: _reap())
    while True:
        packet, descriptors, _, _ = socket.recv_fds(channel, PACKET_BYTES, 4)
        if not packet:
            return
        request = json.loads(packet)
        try:
            command = COMMANDS[request.pop("do")]
            if descriptors:
                request["descriptors"] = descriptors
            reply = {"value": command(**request)}
        except Exception as error:  # told to the test, which fails with it; this process must go on
            reply = {"error": f"{type(error).__name__}: {error}"}
        finally:
            # A listening socket kept here would take connections after the server's death.
            for descriptor in descriptors:
                os.close(descriptor)
        channel.send(json.dumps(reply).encode())


def spawn(argv: list[str], env: dict[str, str], log: str, descriptors: tuple[int, ...] = ()) -> int:
    """Start a process that shares no pipe with the test run, and return its pid.

    "{0}" in argv is the number of the descriptor sent along.
    """
    argv = [word.format(*descriptors) if descriptors else word for word in argv]
    with open(log, "ab") as output:
        process = subprocess.Popen(
            argv,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            pass_fds=descriptors,
        )
    process.returncode = 0  # the handler of SIGCHLD waits for it, not this object
    return process.pid


def run(argv: list[str]) -> None:
    """Run a short command here, such as mount."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=20,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    if done.returncode:
        raise OSError(f"{' '.join(argv)}: {done.stdout.strip()}")


def kill(pid: int, number: int) -> None:
    os.kill(pid, number)


def kill_all(setting: str) -> None:
    """Kill every process with this NAME=VALUE in its environment: a daemon and what it started."""
    for pid, _ in processes():
        try:
            if setting.encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                os.kill(pid, signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            pass


def processes() -> list[tuple[int, str]]:
    """Return (pid, command line) of every process but this one.

    The dead that nobody waited for yet have no command line and do not count.
    """
    running = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().rstrip(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if words and folder.name != "1":
            argv = words.replace(b"\0", b" ").decode(errors="replace")
            running.append((int(folder.name), argv))
    return sorted(running)


def listens(port: int) -> bool:
    """Tell whether a process listens on the port.

    The kernel is asked: connecting would leave the daemon a dead client.
    """
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, address, _, state, *_ = line.split()
            if state == LISTENING and int(address.rsplit(":", 1)[1], 16) == port:
                return True
    return False


COMMANDS = {
    "spawn": spawn,
    "run": run,
    "kill": kill,
    "kill_all": kill_all,
    "processes": processes,
    "listens": listens,
}


def _raise_loopback() -> None:
    """`ip link set lo up`, without needing `ip`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def _forbid_vsock() -> None:
    """Let socket(AF_VSOCK, ...) fail as on a kernel without vsock, for all children too.

    Adbd listens on vsock, which knows no network namespaces: whoever runs this machine, or a
    machine on it, would reach it. This is a seccomp filter.
    """
    number_at = 0  # in struct seccomp_data
    first_argument_at = 16
    steps = [
        (LOAD, 0, 0, number_at),
        (JUMP_IF_EQUAL, 0, 3, SOCKET_CALL[platform.machine()]),
        (LOAD, 0, 0, first_argument_at),
        (JUMP_IF_EQUAL, 0, 1, socket.AF_VSOCK),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    )
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def _reap() -> None:
    """Process 1 inherits every orphan and has to wait for it."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
