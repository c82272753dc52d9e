"""Two independent projects on one machine write the same dvc.lock.

Latencies, and what is made of them, are left out.
"""

from pathlib import Path

import networkx
import pytest
import yaml
from dvc.repo import Repo
from pipeline_project import Project, miniature

# What a result might lean on by mistake: the zone and form of times, the order of sets, numbers of
# threads, who and where one is.
ELSEWHERE = {
    "TZ": "Pacific/Auckland",
    "LC_ALL": "C",
    "PYTHONHASHSEED": "4711",
    "OMP_NUM_THREADS": "1",
    "HOSTNAME": "elsewhere",
    "USER": "somebody",
}


def timed_and_others(folder: Path) -> tuple[set[str], set[str]]:
    """Return the stages that measure latencies and all that depend on them, and the others."""
    with Repo(str(folder)) as repo:
        graph = repo.index.graph  # edges lead from a stage to what it depends on
        timed = set()
        for stage in graph:
            if stage.name.startswith("benchmark"):
                timed |= {each.name for each in {stage} | networkx.ancestors(graph, stage)}
        return timed, {stage.name for stage in graph} - timed


@pytest.mark.slow
@pytest.mark.timeout(1800)  # two projects, where this process has to make both
def test_two_projects_write_the_same_lock_but_for_latencies(request, tmp_path):
    other = Project(tmp_path / "p", miniature())
    timed, others = timed_and_others(other.folder)
    assert {name.split("@")[0] for name in timed} == {
        "benchmark",
        "benchmark_references",
        "figures",
        "frontier",
        "release",
        "report",
        "track",
    }
    with pytest.MonkeyPatch.context() as environment:
        for name, value in (ELSEWHERE | {"HOME": str(tmp_path)}).items():
            environment.setenv(name, value)
        done = other.run("sh", "-c", f"umask 077 && exec dvc repro {' '.join(sorted(others))}")
    assert done.returncode == 0, done.stdout
    there = yaml.safe_load((other.folder / "dvc.lock").read_text())["stages"]
    # Only now: another of pytest's processes makes it meanwhile.
    one = request.getfixturevalue("_reproduced")
    here = yaml.safe_load((one.folder / "dvc.lock").read_text())["stages"]
    assert set(there) == others == set(here) - timed
    assert {name: here[name] for name in others if here[name] != there[name]} == {}
