"""AudioSet: the official CSVs of segments, the labels' names, and a folder of the clips that someone could still download.

    # Segments csv created Sun Mar  5 10:54:31 2017
    # num_ytids=22160, num_segs=22160, num_unique_labels=527, num_positive_labels=52882
    # YTID, start_seconds, end_seconds, positive_labels
    --PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"

The ontology is ontology.json (a list of {id, name, child_ids, ...}) or class_labels_indices.csv (index,mid,display_name).
"""

import csv
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from frill.audio.clips import Clip, Rejected
from frill.audio.files import AudioError, read_audio, wrong_extension
from frill.corpora.reading import Read, inside, read_all, read_clip
from frill.errors import UserError
from frill.params.audio import AudiosetSet

COLUMNS = "# YTID, start_seconds, end_seconds, positive_labels"
SHOWN = 10  # of the clips that are missing


def wanted_labels(name: str, spec: AudiosetSet) -> dict[str, str] | None:
    """{MID: display name} of the labels asked for, and of those below them if `children`; None where all clips are. Raises UserError."""
    if spec.labels is None:
        return None
    key = f"params.yaml: audio.audioset.{name}"
    names, children = _ontology(spec.ontology, key)
    wanted = []
    for label in spec.labels:
        mids = [mid for mid, display_name in names.items() if label in (mid, display_name)]
        if not mids:
            like = [
                display_name
                for display_name in names.values()
                if label.lower() in display_name.lower()
            ][:5]
            raise UserError(
                f"{key}.labels: {label!r} is no label of {spec.ontology}{'; it has ' + ', '.join(like) if like else ''}; correct it"
            )
        wanted += mids
    if spec.children and children is None:
        raise UserError(
            f"{key}.children = 1: {spec.ontology} has no tree of labels; give ontology.json as `ontology`"
        )
    if spec.children:
        for mid in wanted:  # grows while it is walked
            wanted += [child for child in children[mid] if child in names and child not in wanted]
    return {mid: names[mid] for mid in wanted}


def _ontology(path: str, key: str) -> tuple[dict[str, str], dict[str, list[str]] | None]:
    """Names by MID, and the MIDs below each, which class_labels_indices.csv does not tell."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            if path.lower().endswith(".json"):
                entries = json.load(file)
                return {e["id"]: e["name"] for e in entries}, {
                    e["id"]: e["child_ids"] for e in entries
                }
            return {row["mid"]: row["display_name"] for row in csv.DictReader(file)}, None
    except OSError as error:
        raise UserError(
            f"{key}.ontology = {path!r}: {error.strerror.lower()}; correct the path"
        ) from None
    except (ValueError, TypeError, KeyError, csv.Error):
        raise UserError(
            f"{key}.ontology = {path!r}: neither AudioSet's ontology.json nor its class_labels_indices.csv; fetch it again"
        ) from None


def rows(name: str, spec: AudiosetSet) -> Iterator[dict]:
    """The segments with one of the labels, as dicts of ytid, start_s and end_s as in the CSV, label (names, joined by +). Raises UserError."""
    key = f"params.yaml: audio.audioset.{name}"
    wanted, listed, taken, declared = wanted_labels(name, spec), 0, 0, None
    if not Path(spec.folder).is_dir():
        raise UserError(f"{key}.folder = {spec.folder!r}: no such folder; correct the path")
    try:
        with open(spec.csv, encoding="utf-8-sig", newline="") as file:
            head = [file.readline().rstrip("\r\n") for _ in range(3)]
            if head[2] != COLUMNS:
                raise UserError(
                    f"{spec.csv}: line 3 is {head[2][:60]!r}, AudioSet's is {COLUMNS!r}; give the official CSV of segments"
                )
            declared = re.search(r"num_segs=(\d+)", head[1])
            for values in csv.reader(file, skipinitialspace=True):
                if not values:
                    continue
                if (
                    len(values) != 4
                    or not re.fullmatch(r"[\w-]{11}", values[0], re.ASCII)
                    or not all(map(_is_seconds, values[1:3]))
                ):
                    raise UserError(
                        f"{spec.csv}: {', '.join(values)[:80]!r} is not a segment (YTID, start, end, labels); fetch the file again"
                    )
                listed += 1
                labels = values[3].split(",")
                if wanted is None or any(mid in wanted for mid in labels):
                    taken += 1
                    label = (
                        ""
                        if wanted is None
                        else "+".join(wanted[mid] for mid in labels if mid in wanted)
                    )
                    yield {
                        "ytid": values[0],
                        "start_s": values[1],
                        "end_s": values[2],
                        "label": label,
                    }
    except OSError as error:
        raise UserError(
            f"{key}.csv = {spec.csv!r}: {error.strerror.lower()}; correct the path"
        ) from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{spec.csv}: not a CSV in UTF-8 ({error}); fetch it again") from None
    if declared and int(declared[1]) != listed:
        raise UserError(
            f"{spec.csv}: holds {listed} segments, its header says num_segs={declared[1]}; fetch it again, or correct the header"
        )
    if not taken:
        raise UserError(
            f"{spec.csv}: no segment has one of {key.removeprefix('params.yaml: ')}.labels; correct them"
        )


def _is_seconds(text: str) -> bool:
    return re.fullmatch(r"\d+(\.\d+)?", text) is not None


def clips(
    name: str, spec: AudiosetSet, start: int = 0, threads: int = 1
) -> Iterator[Clip | Rejected]:
    """Every segment with one of the labels, from number `start` on; clips that are not there are rejected as missing."""
    return read_all(_reads(name, spec), start, threads)


def _reads(name: str, spec: AudiosetSet) -> Iterator[Read]:
    for row in rows(name, spec):
        clip = f"{row['ytid']}_{round(float(row['start_s']) * 1000)}"
        yield partial(
            read_clip,
            clip,
            f"youtube.com/watch?v={row['ytid']}",
            partial(_read, spec, row),
            label=row["label"],
            licence=spec.licence,
        )


def _read(spec: AudiosetSet, row: dict) -> tuple[np.ndarray, str]:
    path = find(spec, row)
    return read_audio(path), wrong_extension(path, path.name)


def find(spec: AudiosetSet, row: dict) -> Path:
    """The clip's file. Raises AudioError where there is none."""
    start, end = float(row["start_s"]), float(row["end_s"])
    values = {
        "ytid": row["ytid"],
        "start_s": row["start_s"],
        "end_s": row["end_s"],
        "start": int(start),
        "end": int(end),
    }
    values |= {"start_ms": round(start * 1000), "end_ms": round(end * 1000)}
    for pattern in spec.pattern:
        path = inside(spec.folder, pattern.format(**values))
        if path.is_file():
            return path
    raise AudioError(f"no such file ({spec.pattern[0].format(**values)})", "missing")


def find_missing(name: str, spec: AudiosetSet) -> tuple[list[Rejected], int, int]:
    """Clips whose file is not there: the first of them, how many they are, and how many clips are listed. Opens no file."""
    missing, count, listed = [], 0, 0
    for row in rows(name, spec):
        listed += 1
        try:
            find(spec, row)
        except AudioError as error:
            count += 1
            if count <= SHOWN:
                missing.append(Rejected(row["ytid"], str(error), error.kind))
    return missing, count, listed
