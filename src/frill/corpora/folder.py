"""A folder of audio and the CSV that lists it: how users bring their own.

file,word,who,part                    the columns' names are given in params.yaml (audio.folder.NAME.columns);
a/yes_01.wav,yes,anna,train           only those named are read. `file` is relative to the folder
"""

import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from frill.audio.clips import Clip, Rejected
from frill.audio.files import AudioError, probe, read_audio, wrong_extension
from frill.corpora.reading import Read, inside, label_problem, read_all, read_clip
from frill.errors import UserError
from frill.params.audio import Columns, FolderSet

EXTRA = "fields without a column"
LONGEST_S = 1e9


def rows(name: str, spec: FolderSet) -> Iterator[dict]:
    """The CSV's rows that `where` keeps, as dicts of file, label, speaker, split, fold, licence, start_s, duration_s ("" or None where not given).

    Split names are mapped by `splits`. Raises UserError.
    """
    key, path = f"audio.folder.{name}", Path(spec.csv)
    if not Path(spec.folder).is_dir():
        raise UserError(
            f"params.yaml: {key}.folder = {spec.folder!r}: no such folder; correct the path"
        )
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(
                file, restkey=EXTRA, strict=True
            )  # else a quote without its partner swallows the rest of the file
            columns = _columns(spec, reader.fieldnames or [], key)
            splits = {value: split for split, values in spec.splits.items() for value in values}
            number = 1
            for line in reader:
                if EXTRA in line:
                    raise UserError(
                        f"{path}: line {reader.line_num} has more fields than the header: {', '.join(line[EXTRA])!r} is left over; "
                        'put fields that hold a comma into quotes: "a, b"'
                    )
                if all(line[column] in values for column, values in spec.where.items()):
                    number += 1
                    yield _row(line, columns, splits, spec.licence, path)
    except OSError as error:
        raise UserError(
            f"params.yaml: {key}.csv = {spec.csv!r}: {error.strerror.lower()}; correct the path"
        ) from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a CSV in UTF-8 ({error}); save it as one") from None
    if number == 1:
        raise UserError(
            f"{path}: no rows are left for {key}{' after `where`' if spec.where else ''}; correct the CSV or `where`"
        )


def _columns(spec: FolderSet, found: list[str], key: str) -> dict[str, str]:
    columns = {
        role: column for role, column in spec.columns.model_dump().items() if column is not None
    }
    named = {f"columns.{role}": column for role, column in columns.items()} | {
        f"where.{column}": column for column in spec.where
    }
    for at, column in named.items():
        if found.count(column) > 1:
            raise UserError(
                f"params.yaml: {key}.{at} names the column {column!r}, which stands twice in the header of {spec.csv}; rename one"
            )
        if column not in found:
            raise UserError(
                f"params.yaml: {key}.{at} names the column {column!r}, which {spec.csv} has not; it has: {', '.join(found) or 'none'}"
            )
    return columns


def _row(line: dict, columns: dict, splits: dict, licence: str, path: Path) -> dict:
    row = {
        role: (line[columns[role]] or "").strip() if role in columns else ""
        for role in Columns.model_fields
    }
    row["licence"] = row["licence"] or licence
    if splits:
        row["split"] = splits.get(row["split"], "")
    for role in ("start_s", "duration_s"):
        try:
            row[role] = float(row[role]) if row[role] else None
        except ValueError:
            raise UserError(
                f"{path}: column {columns[role]!r} = {row[role]!r} for {row['file']}: must be seconds, as 1.25"
            ) from None
        if row[role] is not None and not 0 <= row[role] <= LONGEST_S:
            raise UserError(
                f"{path}: column {columns[role]!r} = {row[role]} for {row['file']}: must be 0 or more, up to {LONGEST_S:g}"
            )
    return row


def clips(
    name: str, spec: FolderSet, start: int = 0, threads: int = 1
) -> Iterator[Clip | Rejected]:
    """Every row from number `start` on as a clip, or as rejected with its reason."""
    return read_all(_reads(name, spec), start, threads)


def _reads(name: str, spec: FolderSet) -> Iterator[Read]:
    for index, row in enumerate(rows(name, spec)):
        fields = {key: row[key] for key in ("label", "speaker", "split", "fold", "licence")}
        yield partial(
            read_clip,
            f"{name}-{index:06d}",
            row["file"],
            partial(_read, spec.folder, row),
            **fields,
        )


def _read(folder: str, row: dict) -> tuple[np.ndarray, str]:
    path = inside(folder, row["file"])
    return read_audio(path, row["start_s"] or 0.0, row["duration_s"]), wrong_extension(
        path, row["file"]
    )


def probe_files(name: str, spec: FolderSet) -> tuple[list[Rejected], int]:
    """Reads the header of every file listed, in a fraction of the time that decoding takes. Returns what cannot be used, and how many are listed."""
    rejected, listed = [], 0
    for row in rows(name, spec):
        listed += 1
        try:
            probe(inside(spec.folder, row["file"]))
        except AudioError as error:
            rejected.append(Rejected(row["file"], str(error), error.kind))
        else:
            if problem := label_problem(row["label"], spec.labels, False):
                rejected.append(Rejected(row["file"], problem, "unknown_label"))
    return rejected, listed
