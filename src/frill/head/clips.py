"""The labelled clips that a head is fitted to: a folder of audio, read by the loaders of tasks.

    mood/happy/anna/1.wav       sub-folders say what a file is, as `levels` name them
    list.csv                    or a CSV does: its columns file, label, speaker, split, fold ...

What cannot be used is listed and limited in the tasks' sentences, which name options here.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from frill.audio.clip_writer import write_clips
from frill.audio.clips import Clip, ClipStore, Rejected
from frill.audio.frontend import WINDOW_SAMPLES
from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.corpora import files, folder
from frill.corpora.limits import enforce_limits
from frill.corpora.reading import find_unused, open_csv, read_all, screen
from frill.errors import UserError
from frill.params.audio import Audio, Columns, FilesSet, FolderSet
from frill.progress import progress
from frill.workers import count_workers

ROLES = ("file", "label", "speaker", "split", "fold", "licence")
SILENT_DBFS = -72.0  # the default's audio.silent_dbfs and audio.leakage_limit
LEAKAGE_LIMIT = 0.01
LEAST_CLIPS = 3  # of a class: one to fit, one to choose, one to test


@dataclass(frozen=True)
class Labelled:
    """Where labelled clips are and what says their labels.

    `columns` and `splits` are as a task's in params.yaml, by role and by split. Without `columns`
    those of the CSV that are named as a role are taken.
    """

    audio: Path
    csv: Path | None = None
    columns: dict[str, str] = field(default_factory=dict)
    splits: dict[str, list[str]] = field(default_factory=dict)
    levels: Sequence[str] = ("label",)
    labels: Sequence[str] | None = None
    rejected_limit: float = 0.02


def read_labelled(labelled: Labelled, work: Path) -> tuple[ClipStore, list[str]]:
    """Return the clips as a store in the folder `work`, and lines on what was left out or odd.

    Raises UserError for what cannot be read, and beyond the limits.
    """
    name = labelled.audio.resolve().name
    kind = "files" if labelled.csv is None else "folder"
    try:
        spec = _make_spec(labelled, name)
        loader = files if labelled.csv is None else folder
        reads = read_all(loader.prepare_reads(name, spec), 0, count_workers())
        found: set[str] = set()
        chosen = _choose(reads, labelled.labels, found)
        items = screen(chosen, None, needs_label=True, silent_dbfs=SILENT_DBFS)
        written = write_clips(
            work / "store", lambda done: progress(items, name, None, "clip"), work / "new"
        )
        limits = Audio.model_construct(
            rejected_limit=labelled.rejected_limit,
            leakage_limit=LEAKAGE_LIMIT,
            **{kind: {name: spec}},
        )
        lines = enforce_limits(kind, name, written, limits)
        _check_labels(labelled.labels, found)
    except UserError as error:
        raise UserError(_name_options(str(error), name)) from None
    summary = written.summary
    unused = find_unused(summary["splits"]) if "" in summary["folds"] else ""
    if unused:
        lines.append(f"{name}: {unused}")
    return ClipStore(work / "store"), [_name_options(line, name) for line in lines]


def _choose(
    items: Iterable[Clip | Rejected], labels: Sequence[str] | None, found: set[str]
) -> Iterator[Clip | Rejected]:
    """Yield the items less the clips of labels that were not asked for; add all to `found`."""
    for item in items:
        if isinstance(item, Clip):
            found.add(item.label)
        is_other = isinstance(item, Clip) and item.label and labels and item.label not in labels
        if not is_other:
            yield item


def _check_labels(labels: Sequence[str] | None, found: set[str]) -> None:
    for label in labels or ():
        if label not in found:
            there = ", ".join(sorted(found - {""})) or "none"
            raise UserError(f"--labels {label}: no clip has this label; there are: {there}")


def _make_spec(labelled: Labelled, name: str) -> FilesSet | FolderSet:
    """Return the set as params.yaml would have it.

    It is not validated: that is about what DVC takes, as paths without a dollar.
    """
    shared = {"use": "corpus", "folder": str(labelled.audio.absolute())}
    if labelled.csv is None:
        if "label" not in labelled.levels or len(set(labelled.levels)) < len(labelled.levels):
            raise UserError(
                f"--levels {' '.join(labelled.levels)}: expected label, or label and speaker, "
                "each once: what the sub-folders name"
            )
        return FilesSet.model_construct(**shared, levels=list(labelled.levels))
    columns = labelled.columns or _find_columns(labelled.csv, name)
    for role in ("file", "label"):
        if role not in columns:
            raise UserError(
                f"{labelled.csv}: which column holds the {role}? Name it by --columns {role}=COLUMN"
            )
    return FolderSet.model_construct(
        **shared,
        csv=str(labelled.csv.absolute()),
        columns=Columns(**columns),
        splits=labelled.splits,
    )


def _find_columns(path: Path, name: str) -> dict[str, str]:
    with open_csv(str(path), f"audio.folder.{name}.csv", "save it as one") as file:
        header = next(csv.reader(file), [])
    return {role: role for role in ROLES if role in header}


def _name_options(message: str, name: str) -> str:
    """Return a sentence of params.yaml's keys with the command's options in their place."""
    of_set = rf"(?:params\.yaml: )?audio\.(?:folder|files)\.{re.escape(name)}"
    message = re.sub(rf"{of_set}\.folder\b", "AUDIO", message)
    message = re.sub(rf"{of_set}\.columns\.", "--columns ", message)
    message = re.sub(rf"{of_set}\.(csv|levels)\b", r"--\1", message)
    message = re.sub(of_set, "AUDIO", message)
    message = message.replace("audio.silent_dbfs = ", "silence's level, dBFS: ")
    message = message.replace("write splits: {validation: [", "write --splits validation=[")
    message = message.replace("]} or the like", "] or the like")
    message = message.replace("audio.rejected_limit", "--rejected-limit")
    return message.replace("raise the limit", "raise that limit")


def check_classes(rows: Sequence[dict], name: str) -> None:
    """Raise UserError where a head cannot be fitted to these clips and measured."""
    counts = Counter(row["label"] for row in rows)
    if len(counts) < 2:
        labels = ", ".join(counts) or "no clips"
        raise UserError(f"{name}: has {len(counts)} class ({labels}); a head needs two or more")
    label, clips = min(counts.items(), key=lambda item: item[1])
    if clips < LEAST_CLIPS:
        plural = "" if clips == 1 else "s"
        raise UserError(
            f"{name}: the class {label!r} has {clips} clip{plural}; a head needs {LEAST_CLIPS} or "
            "more of each: to fit, to choose and to test; add some, or leave it out by --labels"
        )


def describe_short(rows: Sequence[dict], name: str) -> list[str]:
    """Return a line on clips shorter than what a window takes, if there are any."""
    short = [row for row in rows if int(row["samples"]) < WINDOW_SAMPLES]
    if not short:
        return []
    return [
        f"{name}: {len(short)} of {len(rows)} clips are shorter than a window "
        f"({WINDOW_SAMPLES / SAMPLE_RATE_HZ:.3f} s) and are padded with silence, "
        f"first {short[0]['source']}; in the app, pad short sounds alike"
    ]
