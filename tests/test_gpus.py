"""What a machine with GPUs is told, as far as one without can try: its own are named by CUDA's
variable or by a stand-in for NVIDIA's tool, and TensorFlow sees none.
"""

import os
import re
import subprocess
import sys
import time
from importlib.metadata import requires
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
import yaml
from packaging.requirements import Requirement
from pipeline_project import ROOT

from frill import tensorflow_setup
from frill.errors import UserError
from frill.gpus import list_gpus
from frill.params.load import ParamsError, validate
from frill.repro.jobs import Job
from frill.repro.processes import Processes
from frill.students.replicas import arrange, choose_devices
from frill.students.schedule import batch_rows

NEEDS = "on Linux `make repro GPU=1` installs the CUDA packages, and the machine needs NVIDIA's"
LISTED = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5c89852c)
  MIG 1g.5gb      Device  0: (UUID: MIG-1a2b)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-2f0a1b9e)
"""  # as the manual of nvidia-smi has it


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Put a stand-in for nvidia-smi on the PATH, and nothing else."""
    tool = tmp_path / "bin/nvidia-smi"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\nprintf '{LISTED}'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_gpus_are_counted_by_the_driver(driver, monkeypatch, tmp_path):
    assert list_gpus() == ["0", "1"]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list_gpus() == []


@pytest.mark.parametrize(
    "visible, expected",
    [("1,3", ["1", "3"]), ("GPU-5c89, 2", ["GPU-5c89", "2"]), ("0,-1,1", ["0"]), ("-1", [])],
)
def test_gpus_are_those_that_cuda_shows(driver, monkeypatch, visible, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert list_gpus() == expected


def test_training_beside_idle_gpus_is_said(driver, monkeypatch):
    assert tensorflow_setup.describe_devices().startswith(
        f"the CPU, though there are GPUs (0, 1): {NEEDS}"
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert tensorflow_setup.describe_devices() == "the CPU"


@pytest.mark.parametrize("stage, kind", [("teacher", "others"), ("distill", "distill")])
def test_a_stage_that_was_promised_a_gpu_says_what_to_install(default, tmp_path, stage, kind):
    default["sweep"]["resources"][kind]["gpus"] = 1
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(default))
    command = [sys.executable, str(ROOT / "stages" / f"{stage}.py"), "tiny_050"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    name = stage if stage == "teacher" else f"{stage}@tiny_050"
    assert done.stderr.startswith(
        f"{name}: params.yaml: sweep.resources: gpus: 1: TensorFlow sees 0 here; {NEEDS}"
    )
    assert done.stderr.count("\n") == 1


def test_more_replicas_than_gpus_are_an_error():
    with pytest.raises(UserError, match=re.escape("distill.replicas = 2: TensorFlow sees 0 GPUs")):
        choose_devices(2)
    assert choose_devices(1) is tf.distribute.get_strategy()


def test_fewer_gpus_are_promised_than_a_student_trains_on(default):
    default["distill"]["replicas"] = 2
    validate(default)  # whatever GPUs there are, as one stage alone has them
    default["sweep"]["resources"]["distill"]["gpus"] = 1
    sentence = "sweep.resources.distill.gpus = 1 is fewer than distill.replicas = 2; write 2"
    with pytest.raises(ParamsError, match=re.escape(sentence)):
        validate(default)


@pytest.mark.parametrize("replicas", [1, 2, 3])
def test_each_replica_gets_rows_of_every_corpus_in_order(replicas):
    """Rows are those of two corpora, one behind the other."""
    strategy = SimpleNamespace(num_replicas_in_sync=replicas)
    of_second = []
    for step in range(200):
        drawn = batch_rows(2000, 96, 17, step)
        rows = arrange(drawn, strategy)
        assert sorted(rows) == sorted(drawn)
        pieces = np.array_split(rows, replicas)
        assert all((np.diff(piece) > 0).all() for piece in pieces)
        of_second.append([np.mean(piece >= 1000) for piece in pieces])
    # Of 96 / replicas rows: the standard error of a share of one half, over 200 steps.
    error = np.sqrt(0.25 / (96 / replicas) / 200)
    np.testing.assert_allclose(np.mean(of_second, axis=0), 0.5, atol=4 * error)


class Shell:
    """Stages whose command waits for a file `end`, then says what it sees."""

    def describe_command(self, job: Job) -> tuple[str, dict]:
        command = (
            f"echo ${{CUDA_VISIBLE_DEVICES-all}} > {job.name}; "
            "while ! [ -e end ]; do sleep 0.05; done"
        )
        return command, {"env": dict(os.environ), "shell": True, "close_fds": True}


def test_each_job_has_gpus_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    place = Processes(Shell(), jobs=8, memory_gib=8, gpus=["0", "1", "2"])
    jobs = [Job("a", "distill", gpus=1), Job("b", "distill", gpus=2), Job("c", "distill", gpus=1)]
    without = Job("d", "convert")
    started = []
    for job in [*jobs, without]:
        if place.has_room(job):
            place.start(job, 1)
            started.append(job.name)
    assert started == ["a", "b", "d"]  # none is left for c
    seen = {}
    while len(seen) < 3:
        for path in map(Path, started):
            if path.exists() and (text := path.read_text().strip()):
                seen[path.name] = text
        time.sleep(0.05)
    assert seen == {"a": "0", "b": "1,2", "d": "all"}
    Path("end").touch()
    ended = []
    while len(ended) < 3:
        ended += place.poll()
        time.sleep(0.05)
    assert all(each.succeeded for each in ended)
    assert place.has_room(jobs[2])


def test_a_stage_that_asks_for_more_gpus_than_there_are_runs_alone_and_says_so(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    place = Processes(Shell(), jobs=8, memory_gib=8, gpus=[])
    assert place.has_room(Job("a", "distill", gpus=1))
    place.start(Job("a", "distill"), 1)
    assert not place.has_room(Job("b", "distill", gpus=1))
    place.stop()


@pytest.mark.parametrize("options", [[], ["GPU=1"]], ids=["CPU", "GPU"])
def test_make_installs_the_cuda_packages_where_it_is_told(options):
    """What make would run; nothing is installed here, as that is gigabytes."""
    quiet = "--no-print-directory"  # the make that runs the tests would have it named
    done = subprocess.run(
        ["make", quiet, "--dry-run", "--always-make", "repro", "PRESET=paper", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    installs = [line for line in lines if "--require-hashes" in line]
    assert [line.split()[-1] for line in installs] == [
        "requirements.lock",
        *["requirements-gpu.lock"] * len(options),
    ]
    assert lines[-1].split() == ["frill", "repro", "--preset", "paper"]


def test_the_gpu_lock_has_what_tensorflow_asks_for_and_nothing_else():
    pins = {}
    for line in re.findall(r"(?m)^\w\S*", (ROOT / "requirements-gpu.lock").read_text()):
        name, _, version = line.partition("==")
        pins[name] = version
    asked = {}
    for text in requires("tensorflow"):
        requirement = Requirement(text)
        if "and-cuda" in str(requirement.marker):
            asked[requirement.name] = requirement.specifier
    assert pins.keys() == asked.keys()
    assert all(asked[name].contains(version) for name, version in pins.items())
