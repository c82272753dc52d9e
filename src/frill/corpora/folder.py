"""A folder of audio and the CSV that lists it: how users bring their own.

file,word,who,part                    the columns' names are given in params.yaml
a/yes_01.wav,yes,anna,train           (audio.folder.NAME.columns), and only those named are read;
                                      `file` is relative to the folder
"""

import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from frill.audio.clips import Rejected
from frill.audio.files import AudioError, probe, read_noted
from frill.corpora.reading import (
    Decoded,
    Read,
    find_label_problem,
    join_inside,
    map_split,
    open_csv,
    read_clip,
    require_folder,
)
from frill.errors import UserError
from frill.params.audio import Columns, Fields, FilesSet, FolderSet

EXTRA = "fields without a column"
LONGEST_S = 1e9


def read_rows(name: str, spec: FolderSet) -> Iterator[dict]:
    """Yield the CSV's rows that `where` keeps, as dicts by role. Raises UserError.

    The roles are params.yaml's `columns`. A role that is not given is "", of start_s and
    duration_s None. Names of splits are mapped by `splits`.
    """
    key = f"audio.folder.{name}"
    path = Path(spec.csv)
    require_folder(key, spec.folder)
    is_empty = True
    with open_csv(spec.csv, f"{key}.csv", "save it as one") as file:
        # Strict: else a quote without its partner swallows the rest of the file.
        reader = csv.DictReader(file, restkey=EXTRA, strict=True)
        columns = _find_columns(spec, reader.fieldnames or [], key)
        for line in reader:
            if EXTRA in line:
                raise UserError(
                    f"{path}: line {reader.line_num} has more fields than the header: "
                    f"{', '.join(line[EXTRA])!r} is left over; "
                    'put fields that hold a comma into quotes: "a, b"'
                )
            if not any(line.values()):  # a spreadsheet's empty rows
                continue
            if all(line[column] in values for column, values in spec.where.items()):
                is_empty = False
                yield _read_row(line, columns, spec, path)
    if is_empty:
        after = " after `where`" if spec.where else ""
        raise UserError(f"{path}: no rows are left for {key}{after}; correct the CSV or `where`")


def _find_columns(spec: FolderSet, header: list[str], key: str) -> dict[str, str]:
    columns = spec.columns.model_dump(exclude_none=True)
    named = {f"columns.{role}": column for role, column in columns.items()}
    named |= {f"where.{column}": column for column in spec.where}
    for place, column in named.items():
        problem = f"params.yaml: {key}.{place} names the column {column!r}, which"
        if header.count(column) > 1:
            raise UserError(f"{problem} stands twice in the header of {spec.csv}; rename one")
        if column not in header:
            present = ", ".join(header) or "none"
            raise UserError(f"{problem} {spec.csv} has not; it has: {present}")
    return columns


def _read_row(line: dict, columns: dict, spec: FolderSet, path: Path) -> dict:
    row = dict.fromkeys(Columns.model_fields, "")
    for role, column in columns.items():
        row[role] = (line[column] or "").strip()
    row["licence"] = row["licence"] or spec.licence
    row["split"] = map_split(row["split"], spec.splits)
    for role in ("start_s", "duration_s"):
        text = row[role]
        row[role] = None
        if text:
            row[role] = _parse_seconds(text, f"{path}: column {columns[role]!r}", row["file"])
    return row


def _parse_seconds(text: str, place: str, file: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise UserError(f"{place} = {text!r} for {file}: must be seconds, as 1.25") from None
    if not 0 <= seconds <= LONGEST_S:
        raise UserError(f"{place} = {seconds} for {file}: must be 0 or more, up to {LONGEST_S:g}")
    return seconds


def prepare_reads(name: str, spec: FolderSet) -> Iterator[Read]:
    """Yield a read of every row."""
    return prepare_rows(name, spec.folder, read_rows(name, spec))


def prepare_rows(name: str, folder: str, rows: Iterator[dict]) -> Iterator[Read]:
    for index, row in enumerate(rows):
        fields = {role: row[role] for role in Fields.model_fields}
        read = partial(_read, folder, row)
        yield partial(read_clip, f"{name}-{index:06d}", row["file"], read, **fields)


def _read(folder: str, row: dict) -> Decoded:
    path = join_inside(folder, row["file"])
    return read_noted(path, row["file"], row["start_s"] or 0.0, row["duration_s"])


def probe_files(name: str, spec: FolderSet) -> tuple[list[Rejected], int]:
    """Return which of the files listed cannot be used, and how many are listed."""
    return probe_rows(spec, read_rows(name, spec))


def probe_rows(spec: FolderSet | FilesSet, rows: Iterator[dict]) -> tuple[list[Rejected], int]:
    """Return which files of `rows` cannot be used, and how many there are.

    Reads headers alone, in a fraction of the time that decoding takes.
    """
    rejected = []
    listed = 0
    for row in rows:
        listed += 1
        try:
            probe(join_inside(spec.folder, row["file"]))
        except AudioError as error:
            rejected.append(Rejected(row["file"], str(error), error.kind))
            continue
        if problem := find_label_problem(row["label"], spec.labels, False):
            rejected.append(Rejected(row["file"], problem, "unknown_label"))
    return rejected, listed
