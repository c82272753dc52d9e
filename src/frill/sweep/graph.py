"""What DVC says of the project in the working directory: its stages and its default remote."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml
from dvc.repo import Repo

from frill.errors import UserError
from frill.sweep.worker import Stage


@dataclass(frozen=True)
class Graph:
    """`chains` has each student's stages in the order in which they run.

    `upstream` are the stages of no student that those depend on.
    """

    chains: dict[str, list[Stage]]
    upstream: list[str]


def read(students: Iterable[str]) -> Graph:
    """Return the stages of students, which are those with `foreach: ${students}`.

    Benchmarks, of student and device, are not.
    """
    stages = yaml.safe_load(Path("dvc.yaml").read_text())["stages"]
    kinds = [kind for kind, stage in stages.items() if stage.get("foreach") == "${students}"]
    chains: dict[str, list[Stage]] = {}
    upstream = set()
    with Repo() as repo:
        graph = repo.index.graph
        by_name = {stage.addressing: stage for stage in graph}
        for student in students:
            chains[student] = []
            for kind in kinds:
                name = f"{kind}@{student}"
                needed = list(graph.successors(by_name[name]))
                with_cache = [each for each in needed if any(out.use_cache for out in each.outs)]
                needs = sorted(each.addressing for each in with_cache)
                chains[student].append(Stage(name, kind, student, needs))
                upstream |= {each.addressing for each in needed}
    for chain in chains.values():
        upstream -= {stage.name for stage in chain}
    return Graph(chains, sorted(upstream))


def find_stale(graph: Graph) -> dict[str, list[Stage]]:
    """Return, for each student that has a stage to run, that stage and those behind it.

    DVC looks again, on the node, at whether those behind have to run.
    """
    with Repo() as repo:
        changed = repo.status([stage.name for chain in graph.chains.values() for stage in chain])
    chains = {}
    for student, chain in graph.chains.items():
        for index, stage in enumerate(chain):
            if stage.name in changed:
                chains[student] = chain[index:]
                break
    return chains


def list_needs(chains: dict[str, list[Stage]]) -> list[str]:
    """Return the stages whose cached outputs `chains` start from.

    They are upstream ones, and those of students that are up to date.
    """
    stages = [stage for chain in chains.values() for stage in chain]
    needs = {name for stage in stages for name in stage.needs}
    return sorted(needs - {stage.name for stage in stages})


def find_default_remote() -> tuple[str, str]:
    """Return its name and URL. Raises UserError if there is none."""
    with Repo() as repo:
        name = repo.config["core"].get("remote")
        if not name:
            raise UserError(
                "params.yaml: sweep.share = 'remote': DVC has no default remote; "
                "`dvc remote add --default NAME URL`, or share the cache"
            )
        return name, str(repo.config["remote"][name]["url"])
