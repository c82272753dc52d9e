"""The real graph in miniature by `frill repro`: the bytes of `dvc repro`, at any number of jobs."""

import sys

import pytest
import yaml
from pipeline_project import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
# What times a device, and what shows or names those times.
TIMED = {
    "identify",
    "benchmark",
    "benchmark_references",
    "figures",
    "frontier",
    "release",
    "report",
}


def outputs(project: Project) -> dict[str, list]:
    """Return what dvc.lock has of every stage without a time in what it makes, in its order."""
    stages = yaml.safe_load((project.folder / "dvc.lock").read_text())["stages"]
    return {name: stage for name, stage in stages.items() if name.split("@")[0] not in TIMED}


@pytest.mark.parametrize("jobs", ["1", "2", "4"])
def test_as_dvc_repro(reproduced, tmp_path, jobs):
    twin = reproduced.clone(tmp_path / "twin")
    done = twin.run(sys.executable, "-m", "frill", "repro", "--jobs", jobs)
    assert done.returncode == 0, done.stdout
    assert outputs(twin) == outputs(reproduced)
    assert list(outputs(twin))[:2] == ["code", "check"]
    assert twin.repro() == ["track"]
