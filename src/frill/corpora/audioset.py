"""AudioSet: the official CSVs of segments, the labels' names, and a folder of downloaded clips.

    # Segments csv created Sun Mar  5 10:54:31 2017
    # num_ytids=22160, num_segs=22160, num_unique_labels=527, num_positive_labels=52882
    # YTID, start_seconds, end_seconds, positive_labels
    --PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"

The ontology is ontology.json (a list of {id, name, child_ids, ...}) or class_labels_indices.csv
(index,mid,display_name).
"""

import csv
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from frill.audio.clips import Rejected
from frill.audio.files import AudioError, read_noted
from frill.corpora.reading import Decoded, Read, join_inside, open_csv, read_clip, require_folder
from frill.errors import UserError
from frill.params.audio import AudiosetSet

COLUMNS = "# YTID, start_seconds, end_seconds, positive_labels"
SHOWN = 10  # of the clips that are missing


def choose_labels(name: str, spec: AudiosetSet) -> dict[str, str] | None:
    """Return {MID: display name} of the labels asked for, with `children` also of those below.

    None stands for all labels. Raises UserError.
    """
    if spec.labels is None:
        return None
    key = f"params.yaml: audio.audioset.{name}"
    names, children = _read_ontology(spec.ontology, key)
    wanted = []
    for label in spec.labels:
        mids = [mid for mid, display_name in names.items() if label in (mid, display_name)]
        if not mids:
            hint = _suggest(label, list(names.values()))
            raise UserError(
                f"{key}.labels: {label!r} is no label of {spec.ontology}{hint}; correct it"
            )
        wanted += mids
    if spec.children and children is None:
        raise UserError(
            f"{key}.children = 1: {spec.ontology} has no tree of labels; "
            "give ontology.json as `ontology`"
        )
    if spec.children:
        for mid in wanted:  # grows while it is walked
            wanted += [child for child in children[mid] if child in names and child not in wanted]
    return {mid: names[mid] for mid in wanted}


def _suggest(label: str, names: list[str]) -> str:
    similar = [name for name in names if label.lower() in name.lower()]
    return "; it has " + ", ".join(similar[:5]) if similar else ""


def _read_ontology(path: str, key: str) -> tuple[dict[str, str], dict[str, list[str]] | None]:
    """Return names by MID, and the MIDs below each, which class_labels_indices.csv lacks."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            if not path.lower().endswith(".json"):
                return {row["mid"]: row["display_name"] for row in csv.DictReader(file)}, None
            entries = json.load(file)
            names = {entry["id"]: entry["name"] for entry in entries}
            children = {entry["id"]: entry["child_ids"] for entry in entries}
            return names, children
    except OSError as error:
        reason = error.strerror.lower()
        raise UserError(f"{key}.ontology = {path!r}: {reason}; correct the path") from None
    except (ValueError, TypeError, KeyError, csv.Error):
        raise UserError(
            f"{key}.ontology = {path!r}: neither AudioSet's ontology.json nor its "
            "class_labels_indices.csv; fetch it again"
        ) from None


def read_rows(name: str, spec: AudiosetSet) -> Iterator[dict]:
    """Yield the segments with one of the labels as dicts. Raises UserError.

    `ytid`, `start_s` and `end_s` are the CSV's own; `label` is names, joined by +.
    """
    key = f"audio.audioset.{name}"
    wanted = choose_labels(name, spec)
    require_folder(key, spec.folder)
    is_empty = True
    for ytid, start_s, end_s, mids in _read_segments(spec.csv, f"{key}.csv"):
        names = [""]
        if wanted is not None:
            names = [wanted[mid] for mid in mids.split(",") if mid in wanted]
        if names:
            is_empty = False
            yield {"ytid": ytid, "start_s": start_s, "end_s": end_s, "label": "+".join(names)}
    if is_empty:
        raise UserError(f"{spec.csv}: no segment has one of {key}.labels; correct them")


def _read_segments(path: str, key: str) -> Iterator[list[str]]:
    """Yield [YTID, start, end, MIDs] of every segment. Raises UserError."""
    listed = 0
    with open_csv(path, key, "fetch it again") as file:
        head = [file.readline().rstrip("\r\n") for _ in range(3)]
        if head[2] != COLUMNS:
            raise UserError(
                f"{path}: line 3 is {head[2][:60]!r}, AudioSet's is {COLUMNS!r}; "
                "give the official CSV of segments"
            )
        for values in csv.reader(file, skipinitialspace=True):
            if not values:
                continue
            if not _is_segment(values):
                raise UserError(
                    f"{path}: {', '.join(values)[:80]!r} is not a segment "
                    "(YTID, start, end, labels); fetch the file again"
                )
            listed += 1
            yield values
    declared = re.search(r"num_segs=(\d+)", head[1])
    if declared and int(declared[1]) != listed:
        raise UserError(
            f"{path}: holds {listed} segments, its header says num_segs={declared[1]}; "
            "fetch it again, or correct the header"
        )


def _is_segment(values: list[str]) -> bool:
    if len(values) != 4 or not re.fullmatch(r"[\w-]{11}", values[0], re.ASCII):
        return False
    return all(re.fullmatch(r"\d+(\.\d+)?", value) for value in values[1:3])


def prepare_reads(name: str, spec: AudiosetSet) -> Iterator[Read]:
    """Yield a read of every segment with one of the labels; absent clips are rejected."""
    for row in read_rows(name, spec):
        clip = f"{row['ytid']}_{round(float(row['start_s']) * 1000)}"
        source = f"youtube.com/watch?v={row['ytid']}"
        read = partial(_read, spec, row)
        yield partial(read_clip, clip, source, read, label=row["label"], licence=spec.licence)


def _read(spec: AudiosetSet, row: dict) -> Decoded:
    path = find_clip(spec, row)
    return read_noted(path, path.name)


def find_clip(spec: AudiosetSet, row: dict) -> Path:
    """Return the clip's file. Raises AudioError where there is none."""
    values = {key: row[key] for key in ("ytid", "start_s", "end_s")}
    for end in ("start", "end"):
        seconds = float(row[f"{end}_s"])
        values[end] = int(seconds)
        values[f"{end}_ms"] = round(seconds * 1000)
    for pattern in spec.pattern:
        path = join_inside(spec.folder, pattern.format(**values))
        if path.is_file():
            return path
    raise AudioError(f"no such file ({spec.pattern[0].format(**values)})", "missing")


def find_missing(name: str, spec: AudiosetSet) -> tuple[list[Rejected], int, int]:
    """Return the first clips whose file is not there, how many they are, how many are listed.

    Opens no clip.
    """
    missing = []
    count = 0
    listed = 0
    for row in read_rows(name, spec):
        listed += 1
        try:
            find_clip(spec, row)
        except AudioError as error:
            count += 1
            if count <= SHOWN:
                missing.append(Rejected(row["ytid"], str(error), error.kind))
    return missing, count, listed
