"""Some of the faults of docs/reliability.md, for every change; `python tests/faults/run.py` does them all."""

import json
import subprocess
import sys

import cases
import pytest
import small_disk
from disturbed import take

pytestmark = pytest.mark.slow


def test_ctrl_c_ends_everything_and_leaves_a_tidy_tree(reproduced, tmp_path):
    cases.interrupt(take(reproduced, tmp_path / "frill"), reproduced, ("evaluate@one",))


def test_a_full_disk_is_a_sentence_and_loses_nothing(reproduced, tmp_path):
    trial = subprocess.run([*small_disk.NAMESPACES, "true"], capture_output=True, text=True)
    if trial.returncode:
        pytest.skip(
            f"no small disk without namespaces ({trial.stderr.strip()}): allow unprivileged user namespaces"
        )
    script = [
        sys.executable,
        small_disk.__file__,
        str(reproduced.folder),
        str(tmp_path / "disk"),
        "evaluate@one",
        "frontier",
    ]
    done = subprocess.run([*small_disk.NAMESPACES, *script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *tried, end = map(json.loads, done.stdout.splitlines())
    assert len(tried) >= 4 and end["same_files"] > 40
    assert all(each["code"] != 0 and each["said"] and not each["trace"] for each in tried), tried
