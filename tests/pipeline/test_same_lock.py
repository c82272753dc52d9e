"""Same in, same out: two independent projects on one machine write the same dvc.lock, but for latencies and what is made of them."""

from pathlib import Path

import networkx
import pytest
from dvc.repo import Repo
from pipeline_project import Project, miniature

# Whatever a result might lean on by mistake: a shorter path, the zone and form of times, the order of sets, numbers of threads, who and where one is.
ELSEWHERE = {"TZ": "Pacific/Auckland", "LC_ALL": "C", "PYTHONHASHSEED": "4711", "OMP_NUM_THREADS": "1", "HOSTNAME": "elsewhere", "USER": "somebody"}


def timed_stages(folder: Path) -> set[str]:
    """The stages that measure latencies and all that depend on them, as DVC's graph has them."""
    with Repo(str(folder)) as repo:
        graph = repo.index.graph  # edges lead from a stage to what it depends on
        timing = [stage for stage in graph if stage.name.startswith("benchmark")]
        return {stage.name for first in timing for stage in {first} | networkx.ancestors(graph, first)}


@pytest.mark.slow
@pytest.mark.timeout(1800)  # two projects, where this process has to make both
def test_two_projects_write_the_same_lock_but_for_latencies(request, tmp_path):
    other = Project(tmp_path / "p", miniature())
    with pytest.MonkeyPatch.context() as environment:
        for name, value in (ELSEWHERE | {"HOME": str(tmp_path)}).items():
            environment.setenv(name, value)
        done = other.run("sh", "-c", "umask 077 && exec dvc repro")
    assert done.returncode == 0, done.stdout

    one = request.getfixturevalue("_reproduced")  # only now: another of pytest's processes makes it meanwhile
    timed = timed_stages(other.folder)
    assert {name.split("@")[0] for name in timed} == {"benchmark", "benchmark_references", "frontier", "release", "report", "track"}
    here, there = (project.lock() for project in (one, other))
    assert list(here) == list(there)
    timed_outs = [out["path"] for name in timed for out in there[name]["outs"]]
    assert timed_outs

    def untimed(entry: dict) -> dict:
        """A lock's entry without the files that may differ, and without folders that hold such."""
        kept = {
            key: [file for file in entry.get(key, []) if not any(same_or_inside(out, file["path"]) for out in timed_outs)] for key in ("deps", "outs")
        }
        return entry | kept

    differing = {name: (here[name], there[name]) for name in here if untimed(here[name]) != untimed(there[name])}
    assert not differing
    assert all(here[name] == there[name] for name in here if name not in timed)


def same_or_inside(path: str, folder: str) -> bool:
    return Path(path) == Path(folder) or Path(folder) in Path(path).parents
