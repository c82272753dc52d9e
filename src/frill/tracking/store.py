"""What an MLflow store already holds.

A sqlite file is read without MLflow: a repro with nothing to do should not wait 3 s for its import.
"""

import logging
import os
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from frill.errors import UserError
from frill.params.schema import Tracking
from frill.scratch import lock
from frill.tracking.tags import ALIAS, KEY, MODEL_HASH
from frill.workflow.home import find_experiment, find_home

SQLITE = "sqlite:///"
PROBE_S = 3
BUSY_S = 30  # another program may have the database for so long
LOCKED = "database is locked"  # sqlite's words
FINISHED = """
    join runs using (run_uuid) join experiments using (experiment_id) where experiments.name = ?
    and runs.lifecycle_stage = 'active' and runs.status = 'FINISHED'"""
SELECT_TAGS = f"select run_uuid, runs.name, key, value from tags {FINISHED}"  # noqa: S608
SELECT_METRICS = f"select run_uuid, key, value from latest_metrics {FINISHED} and not is_nan"  # noqa: S608
SELECT_CHAMPION = """
    select t.value from registered_model_aliases a
    join model_version_tags t on t.name = a.name and t.version = a.version
    where a.name = ? and a.alias = ? and t.key = ?"""
SELECT_ID = "select experiment_id from experiments where name = ?"
SELECT_LOCATION = """select artifact_location, lifecycle_stage, experiment_id
    from experiments where name = ?"""
# A second or two instead of minutes of retries, no bars or addresses on the terminal, and no usage
# data to MLflow's makers: it reads that one when it is imported.
CLIENT_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


@dataclass(frozen=True)
class Target:
    """A store, an experiment of MLflow there and, in a workspace that DVC keeps apart, DVC's."""

    uri: str
    experiment: str
    dvc_experiment: str | None = None

    @property
    def artifact_location(self) -> str | None:
        """Return where a new experiment keeps its files: beside a database, else where it likes."""
        path = find_database(self.uri)
        return None if path is None else str(path.parent / "mlruns" / self.experiment)


def find_target(tracking: Tracking) -> Target:
    """Return the store that params.yaml names; a relative path is within the project's home.

    So presets and experiments write into the store of the project that began them.
    """
    uri = tracking.uri
    if path := find_database(uri):
        uri = f"{SQLITE}{find_home() / path}"
    return Target(uri, tracking.experiment, find_experiment())


def find_database(uri: str) -> Path | None:
    """Return the file of an address of sqlite; None for any other."""
    return Path(uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else None


def lock_file(uri: str) -> AbstractContextManager:
    """Keep other workspaces' writers out of a database: of several at once some lose runs."""
    path = find_database(uri)
    return nullcontext() if path is None else lock(path)


@dataclass
class StoredRun:
    run_id: str
    name: str
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass
class StoredRuns:
    """Finished runs by key, and the sha256 of the model that the alias points to."""

    runs: dict[str, StoredRun] = field(default_factory=dict)
    champion: str | None = None


class StoreUnavailable(Exception):
    """The server does not answer: what is missing is written another time."""


def read(uri: str, experiment: str) -> StoredRuns:
    """Return what the store holds.

    Raises StoreUnavailable, or UserError if the server answers and refuses.
    """
    if path := find_database(uri):
        return _read_sqlite(path, experiment)
    if uri.startswith(("http://", "https://")):
        _probe(uri)
    return _read_mlflow(uri, experiment)


def _probe(uri: str) -> None:
    """Raise StoreUnavailable unless the server answers, be it with a refusal."""
    health = f"{uri.rstrip('/')}/health"
    try:
        urllib.request.urlopen(health, timeout=PROBE_S).close()  # noqa: S310 - http or https
    except urllib.error.HTTPError as error:
        if error.code >= 500:
            raise StoreUnavailable(f"it answers {error.code} {error.reason}") from None
    except OSError as error:  # URLError and time-outs are
        raise StoreUnavailable(str(getattr(error, "reason", error))) from None
    except ValueError as error:
        raise UserError(
            f"params.yaml: tracking.uri = {uri!r} is not an address: {error}; "
            "give sqlite:///FILE or http://HOST:PORT"
        ) from None


def _read_sqlite(path: Path, experiment: str) -> StoredRuns:
    if not path.exists():
        return StoredRuns()
    runs: dict[str, StoredRun] = {}
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=BUSY_S)) as database:
            for run_id, name, key, value in database.execute(SELECT_TAGS, [experiment]):
                runs.setdefault(run_id, StoredRun(run_id, name)).tags[key] = value
            for run_id, key, value in database.execute(SELECT_METRICS, [experiment]):
                runs.setdefault(run_id, StoredRun(run_id, "")).metrics[key] = value
            champion = database.execute(SELECT_CHAMPION, [experiment, ALIAS, MODEL_HASH]).fetchone()
            location = database.execute(SELECT_LOCATION, [experiment]).fetchone()
    except sqlite3.DatabaseError as error:
        if "no such table" in str(error):  # a file that MLflow has not yet made its tables in
            return StoredRuns()
        raise _translate_sqlite(str(error), f"{SQLITE}{path}") from None
    if location:
        refuse_deleted(experiment, *location[1:])
        _refuse_another_place(path, Path(location[0].removeprefix("file://")))
    return StoredRuns(_by_key(runs.values()), champion[0] if champion else None)


def find_experiment_id(target: Target) -> str | None:
    """Return the id of MLflow's experiment, None before its first run.

    Raises StoreUnavailable or UserError.
    """
    if path := find_database(target.uri):
        return _read_experiment_id(path, target.experiment)
    _probe(target.uri)
    with connect(target.uri) as (_, api):
        match = api.get_experiment_by_name(target.experiment)
    return match and match.experiment_id


def _read_experiment_id(path: Path, experiment: str) -> str | None:
    """Read it without MLflow: `frill ui` prints the address before that is imported."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=BUSY_S)) as database:
            row = database.execute(SELECT_ID, [experiment]).fetchone()
    except sqlite3.DatabaseError as error:
        if "no such table" in str(error):
            return None
        raise _translate_sqlite(str(error), f"{SQLITE}{path}") from None
    return str(row[0]) if row else None


def refuse_deleted(experiment: str, stage: str, experiment_id: object) -> None:
    """Raise UserError if somebody deleted the experiment: MLflow keeps its name until it is gone.

    `stage` is MLflow's lifecycle_stage.
    """
    if stage == "deleted":
        raise UserError(
            f"tracking.experiment = {experiment!r} was deleted in MLflow: `mlflow experiments "
            f"restore --experiment-id {experiment_id}` brings it back, `mlflow gc "
            f"--experiment-ids {experiment_id}` forgets it for good (both with MLFLOW_TRACKING_URI "
            "set to tracking.uri), or choose another name in params.yaml"
        )


def _refuse_another_place(database: Path, location: Path) -> None:
    """Raise UserError if the experiment's files lie elsewhere: MLflow has absolute paths only.

    A project that was moved would write them to where it was, a copy into the other's.
    """
    if not location.is_relative_to(database.parent.resolve()):
        raise UserError(
            f"{database} keeps its files in {location}, outside of this project: it was moved or "
            f"copied. `mv {database} {database}.old` and then `dvc repro track/dvc.yaml`: it "
            "writes a new store from the artefacts"
        )


def _translate_sqlite(text: str, uri: str) -> Exception:
    """Return sqlite's error as ours.

    What another program locks is written another time: taken for empty, it would be written twice.
    A damaged file is the user's to delete.
    """
    if LOCKED in text:
        return StoreUnavailable(LOCKED)
    return UserError(
        f"params.yaml: tracking.uri = {uri}: {text}; move the file away, "
        "`dvc repro track/dvc.yaml` fills a new one from the artefacts"
    )


def _read_mlflow(uri: str, experiment: str) -> StoredRuns:
    with connect(uri) as (mlflow, api):
        stored = StoredRuns(champion=find_champion(api, experiment))
        match = api.get_experiment_by_name(experiment)
        if match is None:
            return stored
        refuse_deleted(experiment, match.lifecycle_stage, match.experiment_id)
        finished = mlflow.search_runs(
            [match.experiment_id],
            "attributes.status = 'FINISHED'",
            output_format="list",
            max_results=50_000,
        )
        stored.runs = _by_key(
            StoredRun(run.info.run_id, run.info.run_name, run.data.tags, run.data.metrics)
            for run in finished
        )
        return stored


def _by_key(runs: Iterable[StoredRun]) -> dict[str, StoredRun]:
    """Return runs by their key, without those that are not frill's or that a kill cut off."""
    return {run.tags[KEY]: run for run in runs if KEY in run.tags}


def find_champion(api, name: str) -> str | None:
    """Return the hash of the model that the alias points to; None if there is none."""
    models = api.search_registered_models(f"name = '{name}'")
    version = models[0].aliases.get(ALIAS) if models else None
    return None if version is None else api.get_model_version(name, version).tags.get(MODEL_HASH)


@contextmanager
def connect(uri: str) -> Iterator[tuple]:
    """Give the module mlflow and its client for `uri`, with their failures as ours.

    Those are StoreUnavailable, or UserError if the server refuses.
    """
    for name, value in CLIENT_SETTINGS.items():
        os.environ.setdefault(name, value)
    import mlflow
    from mlflow.exceptions import MlflowException

    # Tables made, model registered: the stage says what matters in a line.
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # A locked database with its stack trace: below it is a sentence.
    logging.getLogger("mlflow.store.db").setLevel(logging.CRITICAL)
    mlflow.set_tracking_uri(uri)
    try:
        yield mlflow, mlflow.MlflowClient(uri)
    except MlflowException as error:
        if LOCKED in str(error):
            raise _translate_sqlite(LOCKED, uri) from None
        text = _shorten(error)
        if uri.startswith("http") and error.get_http_status_code() >= 500:
            raise StoreUnavailable(text) from None
        raise UserError(
            f"params.yaml: tracking.uri = {uri}: MLflow says: {text}; see docs/mlflow.md"
        ) from None
    except OSError as error:  # requests' errors are
        if not uri.startswith("http"):
            raise
        raise StoreUnavailable(_shorten(error)) from None
    except Exception as error:
        # MLflow lets sqlalchemy's through where it makes its tables.
        if type(error).__module__ != "sqlalchemy.exc":
            raise
        raise _translate_sqlite(str(error).splitlines()[0], uri) from None


def _shorten(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
