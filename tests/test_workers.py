"""As many workers as are asked for, or as there are cores; never part of what makes a result."""

import os
import subprocess
import sys

import pytest

from frill.errors import UserError
from frill.fingerprint import find_sources
from frill.workers import count_workers


def test_the_environment_says_how_many(monkeypatch):
    monkeypatch.setenv("FRILL_WORKERS", "3")
    assert count_workers() == 3


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", ""])
def test_what_is_no_number_is_named(monkeypatch, value):
    monkeypatch.setenv("FRILL_WORKERS", value)
    with pytest.raises(UserError, match=rf"FRILL_WORKERS = '{value}': expected a whole number"):
        count_workers()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be taken away here")
def test_without_it_they_are_the_cores_that_the_process_may_use():
    code = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]);"
    code += "from frill.workers import count_workers; print(count_workers())"
    environment = {key: value for key, value in os.environ.items() if key != "FRILL_WORKERS"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE)
    assert done.stdout == b"1\n"


def test_they_are_no_part_of_a_fingerprint():
    files = {path.name for path in find_sources("frill.noss.evaluate").files}
    assert "evaluate.py" in files and "workers.py" not in files
