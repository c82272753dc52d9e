"""How a stage ends: in a sentence if disk or memory ran out, without what it had begun to write."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from frill.workflow import stage

BEGIN = "import numpy as np\nfrom frill.workflow.stage import stage\nwith stage('mine@one'):\n    "
FULL = Path("/dev/full")  # Linux: every write fails as on a full disk


def run(folder: Path, body: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", BEGIN + body], cwd=folder, capture_output=True, text=True
    )


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here: Linux has it")
@pytest.mark.parametrize(
    "body",
    [
        "open('/dev/full', 'w').write('x' * 100_000)",
        "np.save(open('/dev/full', 'wb'), np.zeros(100_000))",
        "np.savez(open('/dev/full', 'wb'), a=np.zeros(100_000))",
        "import joblib; joblib.dump(np.zeros(100_000), '/dev/full')",
        "import tensorflow as tf; tf.io.write_file('/dev/full', 'x' * 100_000)",
    ],
    ids=["text", "npy", "npz", "joblib", "tensorflow"],
)
def test_a_full_disk_is_a_sentence(tmp_path, body):
    done = run(tmp_path, body)
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1].startswith("mine@one: no space is left on the disk")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "logs").exists()


def test_no_memory_is_a_sentence(tmp_path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))"
    done = run(tmp_path, f"{limit}; np.ones(2**31)")
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("mine@one: memory ran out; ")
    assert done.stderr.count("\n") == 1


def test_a_mistake_of_ours_keeps_its_trace(tmp_path):
    done = run(tmp_path, "1 / 0")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError" in done.stderr


def test_what_was_begun_goes_with_whoever_began_it(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    folder = tmp_path / "scratch/embeddings"
    folder.mkdir(parents=True)
    ours = folder / f"a.npy.{os.getpid()}.new"  # runs on
    checkpoint = tmp_path / "scratch/state.json.new"  # is overwritten
    for path in (folder / f"a.npy.{ended.pid}.new", ours, checkpoint):
        path.write_text("half")
    body = (
        "from frill.scratch import atomic_write; from pathlib import Path\n"
        "    with atomic_write(Path('scratch/b.npy')) as new: new.write_text('x'); 1 / 0"
    )
    assert run(tmp_path, body).returncode == 1
    left = {path for path in (tmp_path / "scratch").rglob("*") if path.is_file()}
    assert left == {ours, checkpoint}


def test_the_log_outlives_a_line_that_was_cut_off(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("logs").mkdir()
    stage.LOG.write_text(json.dumps({"stage": "a", "start": 5.0}) + '\n{"stage": "b", "sta')
    assert stage.read_log() == [{"stage": "a", "start": 5.0}]
    assert stage.read_log(1) == []
    assert run(tmp_path, "pass").returncode == 0
