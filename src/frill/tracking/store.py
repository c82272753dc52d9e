"""What an MLflow store already holds. A sqlite file is asked itself: importing mlflow takes 3 s, which a repro with nothing to do should not cost."""

import logging
import os
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from frill.errors import UserError

KEY, STATE, PARENT = "frill.key", "state", "mlflow.parentRunId"
ALIAS, MODEL_HASH = "champion", "model_sha256"
PROBE_S = 3
BUSY_S = 30  # another program may have the database for so long
LOCKED = "database is locked"  # sqlite's words


@dataclass
class HeldRun:
    run_id: str
    name: str
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass
class Held:
    """Finished runs by key, and the sha256 of the model that the alias points to."""

    runs: dict[str, HeldRun] = field(default_factory=dict)
    champion: str | None = None


class Away(Exception):
    """The server does not answer: what is missing is written another time."""


def read(uri: str, experiment: str) -> Held:
    """Raises Away, or UserError where the server answers and refuses."""
    if uri.startswith("sqlite:///"):
        return _read_sqlite(Path(uri.removeprefix("sqlite:///")), experiment)
    if uri.startswith(("http://", "https://")):
        _probe(uri)
    return _read_mlflow(uri, experiment)


def _probe(uri: str) -> None:
    """A second or two instead of MLflow's minutes of retries. Any answer will do, a refusal too."""
    try:
        urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=PROBE_S).close()  # noqa: S310 - http and https only: read() saw to it
    except urllib.error.HTTPError as error:
        if error.code >= 500:
            raise Away(f"it answers {error.code} {error.reason}") from None
    except OSError as error:  # URLError and time-outs are
        raise Away(str(getattr(error, "reason", error))) from None
    except ValueError as error:
        raise UserError(
            f"params.yaml: tracking.uri = {uri!r} is not an address: {error}; give sqlite:///FILE or http://HOST:PORT"
        ) from None


def _read_sqlite(path: Path, experiment: str) -> Held:
    held = Held()
    if not path.exists():
        return held
    mine = """join runs using (run_uuid) join experiments using (experiment_id)
        where experiments.name = ? and runs.lifecycle_stage = 'active' and runs.status = 'FINISHED'"""
    by_id: dict[str, HeldRun] = {}
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=BUSY_S)) as database:
            for run_id, name, key, value in database.execute(
                f"select run_uuid, runs.name, key, value from tags {mine}", [experiment]
            ):  # noqa: S608 - a constant
                by_id.setdefault(run_id, HeldRun(run_id, name)).tags[key] = value
            for run_id, key, value in database.execute(
                f"select run_uuid, key, value from latest_metrics {mine} and not is_nan",
                [experiment],
            ):  # noqa: S608
                by_id.setdefault(run_id, HeldRun(run_id, "")).metrics[key] = value
            found = database.execute(
                "select t.value from registered_model_aliases a join model_version_tags t on t.name = a.name and t.version = a.version "
                "where a.name = ? and a.alias = ? and t.key = ?",
                [experiment, ALIAS, MODEL_HASH],
            ).fetchone()
    except sqlite3.DatabaseError as error:
        if "no such table" in str(error):  # a file that MLflow has not yet made its tables in
            return held
        raise _of_sqlite(str(error), f"sqlite:///{path}") from None
    held.runs = {run.tags[KEY]: run for run in by_id.values() if KEY in run.tags}
    held.champion = found[0] if found else None
    return held


def _of_sqlite(text: str, uri: str) -> Exception:
    """What another program holds is written another time: taken for empty, it would be written a second time. A damaged file is the user's to delete."""
    if LOCKED in text:
        return Away(LOCKED)
    return UserError(
        f"params.yaml: tracking.uri = {uri}: {text}; move the file away, `dvc repro track/dvc.yaml` fills a new one from the artefacts"
    )


def _read_mlflow(uri: str, experiment: str) -> Held:
    with client(uri) as (mlflow, api):
        held = Held()
        if (found := api.get_experiment_by_name(experiment)) is not None:
            runs = mlflow.search_runs(
                [found.experiment_id],
                "attributes.status = 'FINISHED'",
                output_format="list",
                max_results=50_000,
            )
            every = (
                HeldRun(run.info.run_id, run.info.run_name, run.data.tags, run.data.metrics)
                for run in runs
            )
            held.runs = {run.tags[KEY]: run for run in every if KEY in run.tags}
        held.champion = champion(api, experiment)
        return held


def champion(api, name: str) -> str | None:
    """The hash of the model that the alias points to; None where there is none."""
    models = api.search_registered_models(f"name = '{name}'")
    version = models[0].aliases.get(ALIAS) if models else None
    return None if version is None else api.get_model_version(name, version).tags.get(MODEL_HASH)


@contextmanager
def client(uri: str) -> Iterator[tuple]:
    """The module mlflow and its client for `uri`, with their failures as ours: Away, or UserError where the server refuses."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    import mlflow
    from mlflow.exceptions import MlflowException

    for name in (
        "mlflow",
        "alembic",
    ):  # tables made, model registered: the stage says what matters in a line
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db").setLevel(
        logging.CRITICAL
    )  # a locked database with its stack trace: below it is a sentence
    mlflow.set_tracking_uri(uri)
    try:
        yield mlflow, mlflow.MlflowClient(uri)
    except MlflowException as error:
        if LOCKED in str(error):
            raise _of_sqlite(LOCKED, uri) from None
        text = " ".join(str(error).split())[:300]
        if uri.startswith("http") and error.get_http_status_code() >= 500:
            raise Away(text) from None
        raise UserError(
            f"params.yaml: tracking.uri = {uri}: MLflow says: {text}; see docs/mlflow.md"
        ) from None
    except OSError as error:  # requests' errors are
        if not uri.startswith("http"):
            raise
        raise Away(" ".join(str(error).split())[:300]) from None
    except Exception as error:
        if (
            type(error).__module__ != "sqlalchemy.exc"
        ):  # MLflow lets them through where it makes its tables
            raise
        raise _of_sqlite(str(error).splitlines()[0], uri) from None
