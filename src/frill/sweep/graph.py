"""What DVC says of the project in the working directory: which stages a sweep runs, which are stale, what they stand on, the default remote."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml
from dvc.repo import Repo

from frill.errors import UserError
from frill.sweep.worker import Stage


@dataclass(frozen=True)
class Graph:
    """`chains` has each student's stages in the order in which they run; `upstream` are the stages of no student that those depend on."""

    chains: dict[str, list[Stage]]
    upstream: list[str]


def read(students: Iterable[str]) -> Graph:
    """A student's stages are those with `foreach: ${students}`; benchmarks, of student and device, are not."""
    document = yaml.safe_load(Path("dvc.yaml").read_text())
    kinds = [
        name for name, stage in document["stages"].items() if stage.get("foreach") == "${students}"
    ]
    names = {f"{kind}@{student}": (kind, student) for student in students for kind in kinds}
    with Repo() as repo:
        graph = repo.index.graph
        by_name = {stage.addressing: stage for stage in graph}
        needed = {name: list(graph.successors(by_name[name])) for name in names}
        chains: dict[str, list[Stage]] = {student: [] for student in students}
        for name, (kind, student) in names.items():
            needs = sorted(
                stage.addressing
                for stage in needed[name]
                if any(out.use_cache for out in stage.outs)
            )
            chains[student].append(Stage(name, kind, student, needs))
        upstream = {
            stage.addressing
            for stages in needed.values()
            for stage in stages
            if stage.addressing not in names
        }
    return Graph(chains, sorted(upstream))


def stale(graph: Graph) -> dict[str, list[Stage]]:
    """Of each student that has a stage to run, that stage and those behind it: DVC looks again, there, at whether they have to."""
    with Repo() as repo:
        changed = repo.status([stage.name for chain in graph.chains.values() for stage in chain])
    chains = {}
    for student, chain in graph.chains.items():
        first = next(
            (index for index, stage in enumerate(chain) if stage.name in changed), len(chain)
        )
        if first < len(chain):
            chains[student] = chain[first:]
    return chains


def made_here(chains: dict[str, list[Stage]]) -> list[str]:
    """The stages whose cached outputs `chains` start from: upstream ones, and those of students that are up to date."""
    swept = {stage.name for chain in chains.values() for stage in chain}
    return sorted(
        {name for chain in chains.values() for stage in chain for name in stage.needs} - swept
    )


def default_remote() -> tuple[str, str]:
    """Its name and URL. Raises UserError where there is none."""
    with Repo() as repo:
        name = repo.config["core"].get("remote")
        if not name:
            raise UserError(
                "params.yaml: sweep.share = 'remote': DVC has no default remote; `dvc remote add --default NAME URL`, or share the cache"
            )
        return name, str(repo.config["remote"][name]["url"])
