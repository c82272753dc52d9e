"""The stages of dvc.yaml for the scheduler: one process that owns DVC.

`dvc repro` runs one stage at a time. This takes its steps apart: whether a stage has to run, and
what is recorded after it. Between them its command runs, beside others'.
"""

import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import networkx as nx
from dvc.exceptions import DvcException
from dvc.stage.cache import RunCacheNotFoundError
from dvc.stage.loader import StageLoader
from dvc.stage.run import prepare_kwargs
from dvc.stage.serialize import to_single_stage_lockfile
from dvc.utils.serialize import modify_yaml

from frill.errors import UserError
from frill.params.sweep import Sweep
from frill.repro.jobs import Job
from frill.workflow.stage import describe_exhaustion

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc.stage import PipelineStage

# Stages that time a device.
ALONE = ("benchmark", "benchmark_references")


class DvcStages:
    """The stages of a project that `frill.workflow.dvc_project.lock_project` gave."""

    def __init__(self, repo: "Repo"):
        # It tells of dvc.lock at every stage, and draws bars of its own into the view.
        logging.getLogger("dvc").setLevel(logging.WARNING)
        for drawing in ("dvc.progress", "dvc_data.callbacks"):
            logging.getLogger(drawing).setLevel(logging.CRITICAL)
        self._repo = repo
        self._graph = repo.index.graph
        written = {stage: number for number, stage in enumerate(repo.index.stages)}
        # The same order whatever was changed, run and begun first.
        order = nx.lexicographical_topological_sort(self._graph.reverse(copy=False), written.get)
        self._stages = {stage.name: stage for stage in order}
        self.pulls = False  # what was made elsewhere, from the default remote
        self._unsaved: list[PipelineStage] = []
        self._wrote = False

    def list_jobs(self, settings: Sweep) -> list[Job]:
        """Return a job for every stage, each after those that it needs."""
        jobs = []
        for name, stage in self._stages.items():
            kind = name.partition("@")[0]
            needs = frozenset(each.name for each in self._graph.successors(stage))
            request = settings.resources.find(kind)
            alone = kind in ALONE
            jobs.append(Job(name, kind, needs, request.memory_gib, request.gpus, alone))
        return jobs

    def begin(self, job: Job) -> str | None:
        stage = self._stages[job.name]
        with _sentences(job):
            if not stage.changed():
                return "up to date"
            stage.remove_outs()
            if self._restore(stage):
                self._record(stage)
                return "from DVC's cache"
        return None

    def finish(self, job: Job, entry: dict | None) -> None:
        """Record what a job's stage has made; `entry` is dvc.lock's, if it ran elsewhere.

        What was made elsewhere is in the cache, or in the default remote.
        """
        stage = self._stages[job.name]
        with _sentences(job):
            if entry is not None:
                StageLoader.fill_from_lock(stage, entry)
                self._repo.stage_cache.restore(stage, pull=self.pulls)
            self._record(stage)

    def save(self) -> None:
        """Write dvc.lock. Its entries stand in the graph's order after the last call."""
        by_file: dict[str, list[PipelineStage]] = {}
        for stage in self._unsaved:
            by_file.setdefault(stage.path, []).append(stage)
        for stages in by_file.values():
            stages[0].dvcfile.dump_stages(stages, update_pipeline=False)
        self._unsaved.clear()
        self._wrote |= bool(by_file)

    def sort_lock(self) -> None:
        """Put the entries of dvc.lock into the graph's order, whichever stage ended first."""
        if not self._wrote:
            return
        for path in {stage.path for stage in self._stages.values()}:
            file = Path(path).with_suffix(".lock")
            if not file.exists():
                continue
            names = [stage.name for stage in self._stages.values() if stage.path == path]
            with modify_yaml(str(file)) as lock:
                entries = lock["stages"]
                gone = [name for name in entries if name not in names]
                lock["stages"] = {
                    name: entries[name] for name in [*names, *gone] if name in entries
                }

    def describe_command(self, job: Job) -> tuple[str, dict]:
        """Return a job's shell command, and the options of Popen that DVC runs it with."""
        stage = self._stages[job.name]
        return stage.cmd, prepare_kwargs(stage)

    def find_cached_needs(self, job: Job) -> dict[str, dict]:
        """Return dvc.lock's entries of the stages that a job needs, if their outputs are cached."""
        needed = [self._stages[name] for name in sorted(job.needs)]
        cached = [stage for stage in needed if any(out.use_cache for out in stage.outs)]
        entries = {stage.name: to_single_stage_lockfile(stage) for stage in cached}
        return json.loads(json.dumps(entries))  # of dicts alone, which YAML can write

    def find_default_remote(self) -> tuple[str, str]:
        """Return its name and URL. Raises UserError if there is none."""
        name = self._repo.config["core"].get("remote")
        if not name:
            raise UserError(
                "params.yaml: sweep.share = 'remote': DVC has no default remote; "
                "`dvc remote add --default NAME URL`, or share the cache"
            )
        return name, str(self._repo.config["remote"][name]["url"])

    def push(self, names: Iterable[str]) -> None:
        """Send the outputs of stages that are done to the default remote. Raises UserError."""
        for name in names:
            for objects in self._stages[name].get_used_objs().values():
                try:
                    failed = self._repo.cloud.push(objects).failed
                except DvcException as error:
                    raise UserError(f"{name}: DVC's default remote: {error}") from error
                if failed:
                    raise UserError(
                        f"{name}: DVC's default remote did not take {len(failed)} files; "
                        "`dvc push` says why"
                    )

    def _restore(self, stage: "PipelineStage") -> bool:
        """Take the outputs from DVC's cache if it has seen the same inputs. Return whether."""
        try:
            self._repo.stage_cache.restore(stage)
            return True
        except RunCacheNotFoundError:
            stage.save_deps()
            return False

    def _record(self, stage: "PipelineStage") -> None:
        """Do as DVC does after a stage's command. Outputs it does not cache bar it from reuse."""
        plain = [out for out in stage.outs if not (out.is_metric or out.is_plot)]
        stage.save(run_cache=all(out.use_cache for out in plain))
        stage.commit()
        self._unsaved.append(stage)


@contextmanager
def _sentences(job: Job) -> Iterator[None]:
    """Raise what DVC says of one job as a UserError."""
    try:
        yield
    except DvcException as error:
        raise UserError(f"DVC: {error}") from error
    except OSError as error:
        raise UserError(describe_exhaustion(error) or str(error)) from error
