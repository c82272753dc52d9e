"""An update of the store: what it lacks is written, and the selected model becomes its champion."""

import json
from collections.abc import Iterator
from pathlib import Path

from frill.tracking import store, sync
from frill.tracking.runs import Run


def update_store(
    models: list[Run], parent: Run, frontier, uri: str, experiment: str
) -> Iterator[str]:
    """Update the store of a typed results/frontier.json, and yield what was done, line by line.

    A store that is away is a line too.
    """
    selected = frontier.selected
    champion = None
    if selected:
        folder = Path("models/tflite", selected)
        champion = json.loads((folder / "summary.json").read_text())["sha256"]
    try:
        stored = store.read(uri, experiment)
        todo = sync.plan(models, parent, stored)
        is_new_champion = champion is not None and champion != stored.champion
        if is_new_champion or not todo.empty:
            commit = sync.read_commit(Path.cwd())
            ids = sync.write(models, parent, frontier, stored, uri, experiment, commit)
        present = len(models) + 1 - len(todo.new)
        updated = len(todo.metrics | todo.tags)
        yield f"{len(todo.new)} runs written, {present} were there, {updated} brought up to date"
        if is_new_champion:
            from frill.tracking import registry

            model = folder / "model.tflite"
            version = registry.promote(model, champion, ids[selected], uri, experiment)
            yield f"{selected} is models:/{experiment}@{store.ALIAS}, version {version}"
    except store.StoreUnavailable as error:
        yield (
            f"{uri} is away ({error}); nothing is lost, the next `dvc repro` or "
            "`dvc repro track/dvc.yaml` writes what is missing there"
        )
