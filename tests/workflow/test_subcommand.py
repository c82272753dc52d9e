"""Ctrl-C and SIGTERM where a command runs on our terminal."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

CALLER = """
import sys
from frill.workflow import subcommand
try:
    sys.exit(subcommand.call(["sh", "-c", sys.argv[1]]))
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_its_exit_code():
    assert subprocess.run([sys.executable, "-c", CALLER, "exit 3"]).returncode == 3


# A terminal sends Ctrl-C to the whole group, `kill` its signal to the caller alone.
@pytest.mark.parametrize("number, send", [(signal.SIGINT, os.killpg), (signal.SIGTERM, os.kill)])
def test_it_is_gone_before_its_caller(number, send):
    name = number.name.removeprefix("SIG")
    script = f"trap 'sleep 1; exit 7' {name}; while :; do sleep 0.05; done"
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, script],
        start_new_session=True,
        preexec_fn=reset_sigint,
    )
    end = time.monotonic() + 60
    while not (below := psutil.Process(caller.pid).children()) or below[0].name() != "sh":
        assert time.monotonic() < end and caller.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)  # until it listens
    send(caller.pid, number)
    assert caller.wait(30) == 130
    assert not below[0].is_running()


def reset_sigint() -> None:
    """Heed Ctrl-C: a shell's background job ignores it, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
