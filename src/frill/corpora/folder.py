"""A folder of audio and the CSV that lists it: how users bring their own.

file,word,who,part                    the columns' names are given in params.yaml (audio.folder.NAME.columns);
a/yes_01.wav,yes,anna,train           only those named are read. `file` is relative to the folder
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from frill.audio import AudioError, probe, read_audio
from frill.clips import Clip, Rejected
from frill.errors import UserError
from frill.params import Columns, FolderSet


def rows(name: str, spec: FolderSet) -> list[dict]:
    """The CSV's rows that `where` keeps, as dicts of file, label, speaker, split, fold, start_s, duration_s ("" or None where not given).

    Split names are mapped by `splits`. Raises UserError.
    """
    key, path = f"audio.folder.{name}", Path(spec.csv)
    if not Path(spec.folder).is_dir():
        raise UserError(f"params.yaml: {key}.folder = {spec.folder!r}: no such folder; correct the path")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            found, lines = reader.fieldnames or [], list(reader)
    except OSError as error:
        raise UserError(f"params.yaml: {key}.csv = {spec.csv!r}: {error.strerror.lower()}; correct the path") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a CSV in UTF-8 ({error}); save it as one") from None
    columns = {role: column for role, column in spec.columns.model_dump().items() if column is not None}
    named = {f"columns.{role}": column for role, column in columns.items()} | {f"where.{column}": column for column in spec.where}
    for at, column in named.items():
        if column not in found:
            raise UserError(f"params.yaml: {key}.{at} names the column {column!r}, which {path} has not; it has: {', '.join(found) or 'none'}")
    kept = [line for line in lines if all(line[column] in values for column, values in spec.where.items())]
    if not kept:
        raise UserError(f"{path}: no rows are left for {key}{' after `where`' if spec.where else ''}; correct the CSV or `where`")
    splits = {value: split for split, values in spec.splits.items() for value in values}
    return [_row(line, number, columns, splits, path) for number, line in enumerate(kept, 2)]


def _row(line: dict, number: int, columns: dict, splits: dict, path: Path) -> dict:
    row = {role: (line[columns[role]] or "").strip() if role in columns else "" for role in Columns.model_fields}
    if splits:
        row["split"] = splits.get(row["split"], "")
    for role in ("start_s", "duration_s"):
        try:
            row[role] = float(row[role]) if row[role] else None
        except ValueError:
            raise UserError(f"{path}: column {columns[role]!r} = {row[role]!r} for {row['file']}: must be seconds, as 1.25") from None
        if row[role] is not None and not 0 <= row[role] < float("inf"):
            raise UserError(f"{path}: column {columns[role]!r} = {row[role]} for {row['file']}: must be 0 or more")
    return row


def clips(name: str, spec: FolderSet) -> Iterator[Clip | Rejected]:
    """Every row as a clip, or as rejected with its reason."""
    for index, row in enumerate(rows(name, spec)):
        try:
            path = _inside(spec.folder, row["file"])
            samples = read_audio(path, row["start_s"] or 0.0, row["duration_s"])
        except AudioError as error:
            yield Rejected(row["file"], str(error))
        else:
            yield Clip(f"{name}-{index:06d}", samples, row["label"], row["speaker"], row["split"], row["fold"], row["file"])


def probe_files(name: str, spec: FolderSet) -> list[Rejected]:
    """Reads the header of every file listed, in a fraction of the time that decoding takes. Returns those that cannot be used."""
    rejected = []
    for row in rows(name, spec):
        try:
            probe(_inside(spec.folder, row["file"]))
        except AudioError as error:
            rejected.append(Rejected(row["file"], str(error)))
    return rejected


def _inside(folder: str, file: str) -> Path:
    """A CSV comes from anywhere: a path in it must not lead out of its folder."""
    path = Path(folder, file)
    if not file or "\0" in file or not path.resolve().is_relative_to(Path(folder).resolve()):
        raise AudioError("leads out of the folder" if file else "has no file name")
    return path
