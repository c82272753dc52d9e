"""A device is timed for one workspace at a time."""

import subprocess
import sys
import time

import pytest

from frill.device.claim import claim
from frill.params.devices import HostDevice

HOST = HostDevice(kind="host", threads=1, rounds=3, round_ms=1.0)
CLAIM = """
import sys
from frill.device.claim import claim
from frill.params.devices import HostDevice
with claim("host", HostDevice(kind="host", threads=1, rounds=3, round_ms=1.0)):
    print("claimed", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def locks_lie_in(tmp_path, monkeypatch):
    """Keep out of the way of whoever times something on this machine."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def start() -> subprocess.Popen:
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen([sys.executable, "-c", CLAIM], text=True, **pipes)


def test_a_second_waits_for_the_first_and_says_so():
    with claim("host", HOST):
        second = start()
        assert second.stderr.readline() == ("host: another workspace times models on it; waiting\n")
    assert second.stdout.readline() == "claimed\n"
    second.communicate("\n")
    assert second.returncode == 0


def test_one_that_was_killed_holds_nothing():
    first = start()
    assert first.stdout.readline() == "claimed\n"
    first.kill()
    first.communicate()
    begun = time.monotonic()
    with claim("host", HOST):
        assert time.monotonic() - begun < 10
