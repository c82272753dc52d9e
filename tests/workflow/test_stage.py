"""How a stage ends: in a sentence where the disk or the memory ran out, without what it had begun to write."""

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
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1 and last.startswith("mine@one: no space is left on the disk"), (
        done.stderr
    )
    assert "Traceback" not in done.stderr and not (tmp_path / "logs").exists()


def test_no_memory_is_a_sentence(tmp_path):
    done = run(
        tmp_path,
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30)); np.ones(2**31)",
    )
    assert done.returncode == 1 and done.stderr.startswith("mine@one: memory ran out; "), (
        done.stderr
    )
    assert done.stderr.count("\n") == 1


def test_a_mistake_of_ours_keeps_its_trace(tmp_path):
    done = run(tmp_path, "1 / 0")
    assert (
        done.returncode == 1 and "Traceback" in done.stderr and "ZeroDivisionError" in done.stderr
    )


def test_what_was_begun_goes_with_whoever_began_it(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "scratch/embeddings").mkdir(parents=True)
    names = {
        pid: tmp_path / f"scratch/embeddings/a.npy.{pid}.new" for pid in (ended.pid, os.getpid())
    }
    for path in [*names.values(), tmp_path / "scratch/state.json.new"]:
        path.write_text("half")
    body = "from frill.scratch import atomic_write; from pathlib import Path\n    with atomic_write(Path('scratch/b.npy')) as new: new.write_text('x'); 1 / 0"
    assert run(tmp_path, body).returncode == 1
    left = sorted(path.name for path in (tmp_path / "scratch").rglob("*") if path.is_file())
    assert left == [
        names[os.getpid()].name,
        "state.json.new",
    ]  # ours runs on; a checkpoint's is overwritten


def test_the_log_outlives_a_line_that_was_cut_off(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("logs").mkdir()
    stage.LOG.write_text(json.dumps({"stage": "a", "start": 5.0}) + '\n{"stage": "b", "sta')
    assert stage.read_log() == [{"stage": "a", "start": 5.0}] and stage.read_log(1) == []
    assert run(tmp_path, "pass").returncode == 0
