"""A folder of audio without a list: every audio file below it, sub-folders say what it is.

    mood/happy/anna/1.wav       with levels: [label, speaker]
    mood/sad/ben/2.mp3

Hidden files and files whose names are no audio's are passed over.
"""

from collections.abc import Iterator
from pathlib import Path

from frill.audio.clips import Rejected
from frill.audio.files import list_audio
from frill.corpora import folder
from frill.corpora.reading import Read, require_folder
from frill.errors import UserError
from frill.params.audio import Columns, FilesSet
from frill.scratch import text_hash

TEST_SHARE = 0.2


def read_rows(name: str, spec: FilesSet) -> Iterator[dict]:
    """Yield a row for each file, in order of their paths, as dicts by role (see folder.read_rows).

    Of a task a fifth is for testing: of the speakers where there are speakers, else of each label's
    files. Which ones is drawn by `split_seed` and their names. Raises UserError.
    """
    key = f"audio.files.{name}"
    require_folder(key, spec.folder)
    paths = (path.relative_to(spec.folder) for path in list_audio(Path(spec.folder)))
    rows = [_make_row(path, spec, key) for path in paths]
    if not rows:
        raise UserError(f"params.yaml: {key}.folder = {spec.folder!r}: no audio file is below it")
    if spec.use == "task":
        _draw_splits(rows, spec)
    yield from rows


def _make_row(path: Path, spec: FilesSet, key: str) -> dict:
    row = dict.fromkeys(Columns.model_fields, "")
    row |= {"file": str(path), "licence": spec.licence, "start_s": None, "duration_s": None}
    folders = path.parts[:-1]
    if len(folders) < len(spec.levels):
        raise UserError(
            f"{Path(spec.folder, path)}: lies in {len(folders)} folders below {spec.folder}; "
            f"params.yaml: {key}.levels names {len(spec.levels)}: {', '.join(spec.levels)}; "
            "move it, or correct `levels`"
        )
    return row | dict(zip(spec.levels, folders, strict=False))


def _draw_splits(rows: list[dict], spec: FilesSet) -> None:
    """Set the split of each row, train or test."""
    has_speakers = "speaker" in spec.levels
    groups: dict[str, set[str]] = {}
    for row in rows:
        stratum = "" if has_speakers else row["label"]
        groups.setdefault(stratum, set()).add(row["speaker" if has_speakers else "file"])
    test = set()
    for members in groups.values():
        drawn = sorted(members, key=lambda member: text_hash(str(spec.split_seed), member))
        test |= set(drawn[: max(1, round(TEST_SHARE * len(drawn)))])
    for row in rows:
        is_test = row["speaker" if has_speakers else "file"] in test
        row["split"] = "test" if is_test else "train"


def prepare_reads(name: str, spec: FilesSet) -> Iterator[Read]:
    """Yield a read of every file."""
    return folder.prepare_rows(name, spec.folder, read_rows(name, spec))


def probe_files(name: str, spec: FilesSet) -> tuple[list[Rejected], int]:
    """Return which files cannot be used, and how many there are; see folder.probe_rows."""
    return folder.probe_rows(spec, read_rows(name, spec))
