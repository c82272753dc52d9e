"""Some of the faults of docs/reliability.md; `python tests/faults/run.py` does them all."""

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
        reason = trial.stderr.strip()
        pytest.skip(
            f"no small disk without namespaces ({reason}): allow unprivileged user namespaces"
        )
    script = [sys.executable, small_disk.__file__, reproduced.folder, tmp_path / "disk"]
    command = [*small_disk.NAMESPACES, *script, "evaluate@one", "frontier"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *tried, end = map(json.loads, done.stdout.splitlines())
    assert len(tried) >= 4
    assert end["same_files"] > 40
    for each in tried:
        assert each["code"] != 0 and each["said"] and not each["trace"], each
