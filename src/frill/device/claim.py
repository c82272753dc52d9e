"""One timing at a time on a device, whichever workspace of this machine it is for."""

import fcntl
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from frill.params.devices import AdbDevice, Device


@contextmanager
def claim(name: str, device: Device) -> Iterator[None]:
    """Hold a device while it times a model; another workspace's timing is waited for.

    A process that dies, in whatever way, gives it back.
    """
    key = f"phone-{device.serial or 'only'}" if isinstance(device, AdbDevice) else "host"
    path = Path(tempfile.gettempdir(), f"frill-{key.replace(os.sep, '_')}.lock")
    descriptor = _open_for_all(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{name}: another workspace times models on it; waiting", file=sys.stderr)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _open_for_all(path: Path) -> int:
    """Open a lock file that other users of this machine can lock too, which needs no writing."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    except PermissionError:  # Linux lets nobody create what another has, in a folder for all
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
