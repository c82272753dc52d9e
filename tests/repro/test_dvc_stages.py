"""The project's own graph as jobs. tests/repro/test_run.py runs one."""

import contextlib

import pytest
from pipeline_project import Project, miniature

from frill.params.sweep import Resources, StageResources, Sweep
from frill.repro.dvc_stages import DvcStages
from frill.repro.jobs import Job
from frill.workflow.dvc_project import lock_project


@pytest.fixture(scope="module")
def jobs(tmp_path_factory) -> list[Job]:
    folder = tmp_path_factory.mktemp("graph") / "project"
    folder.mkdir()
    Project(folder, miniature())
    settings = Sweep(
        resources=StageResources(distill=Resources(memory_gib=5), others=Resources(memory_gib=0.5))
    )
    with contextlib.chdir(folder), lock_project() as repo:
        return DvcStages(repo).list_jobs(settings)


def test_each_comes_after_those_that_it_needs(jobs):
    done = set()
    for job in jobs:
        assert job.needs <= done, job.name
        done.add(job.name)


def test_nothing_runs_before_params_yaml_was_checked(jobs):
    """A value that cannot be used stops everything, as all stages need `check`."""
    assert [job.name for job in jobs[:2]] == ["code", "check"]
    checked = {"check"}
    for job in jobs[2:]:
        assert job.needs & checked, job.name
        checked.add(job.name)


def test_what_times_a_device_runs_alone(jobs):
    alone = {job.name for job in jobs if job.alone}
    assert alone == {"benchmark@one-host", "benchmark@two-host", "benchmark_references@host"}


def test_memory_is_what_sweep_resources_says(jobs):
    memory_gib = {job.kind: job.memory_gib for job in jobs}
    assert (memory_gib["distill"], memory_gib["teacher"]) == (5, 0.5)
    assert memory_gib["evaluate"] == Resources().memory_gib
