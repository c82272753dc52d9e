"""Lists and archives as people have them, from a folder of such that may be given."""

import csv
import os
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
import soundfile

from frill import check
from frill.audio.clips import Rejected
from frill.corpora import files, folder, tfrecord, webdataset
from frill.corpora.reading import read_all
from frill.errors import UserError
from frill.params.audio import FilesSet, FolderSet, TfrecordSet, WebdatasetSet
from frill.params.load import ParamsError, validate

FOLDER = os.environ.get("FRILL_CASES")
CASES = Path(FOLDER or ".")
pytestmark = pytest.mark.skipif(not FOLDER, reason="set FRILL_CASES to a folder of odd inputs")


def rows_of(name: str) -> list[dict]:
    with open(CASES / f"15_csv/{name}.csv", encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def make_spec(tmp_path):
    """Return a function: a CSV's name -> the settings of its set, with a file for each row."""

    def make(name: str) -> dict:
        rows = rows_of(name)
        for number, row in enumerate(row for row in rows if row["file"]):
            noise = np.random.default_rng(number).normal(0, 0.1, 16000)
            soundfile.write(tmp_path / normalize("NFD", row["file"]), noise, 16000)
        roles = {"start": "start_s", "sha": "sha256"}
        columns = {roles.get(column, column): column for column in rows[0]}
        path = CASES / f"15_csv/{name}.csv"
        return {"use": "task", "folder": str(tmp_path), "csv": str(path), "columns": columns}

    return make


UNUSED = "of 12 clips stand in no split and are used nowhere"


@pytest.mark.parametrize(
    "name, told",
    [
        ("duplicates_in_train", []),
        ("end_beyond___ms_as_s", []),  # the loader tells
        ("split_in_two", [f"4 {UNUSED} ('dev': 4)"]),
        ("split_other_values_no_mapping", [f"2 {UNUSED} ('dev': 2)"]),
        ("split_typo_unmapped", [f"2 {UNUSED} ('dev': 1, 'Test': 1)"]),
        ("trailing_empty_Excel_rows", []),
        ("unicode_NFC_in_CSV,_NFD_on_disk", []),
    ],
)
def test_lists_that_check_takes(default, make_spec, name, told):
    default["audio"]["folder"] = {"mine": make_spec(name)}
    lines = check.check(validate(default))
    assert len(lines) == len(told)
    for line, start in zip(lines, told, strict=True):
        assert line.startswith(f"mine: {start}; where they belong to one, write splits: ")


@pytest.mark.parametrize(
    "name, splits, message",
    [
        ("fold_blank_one", {}, "lacks a fold for 1 of 12 clips, first for c05.wav; fill it in"),
        (
            "split_in_two",
            {"validation": ["dev"], "test": ["dev", "test"]},
            "'dev' stands under validation and test; keep it under one",
        ),
        ("sha256_wrong", {}, "columns.sha256: unknown key"),
    ],
)
def test_lists_that_are_refused(default, make_spec, name, splits, message):
    default["audio"]["folder"] = {"mine": make_spec(name) | {"splits": splits}}
    with pytest.raises((UserError, ParamsError)) as error:
        check.check(validate(default))
    assert message in str(error.value)


@pytest.mark.parametrize(
    "name, clips",
    [("trailing_empty_Excel_rows", 12), ("unicode_NFC_in_CSV,_NFD_on_disk", 13)],
)
def test_all_clips_are_read(make_spec, name, clips):
    spec = FolderSet.model_validate(make_spec(name))
    items = list(read_all(folder.prepare_reads("mine", spec)))
    assert len(items) == clips
    assert not [item for item in items if isinstance(item, Rejected)]


def test_a_start_behind_the_end_names_both_numbers(make_spec):
    spec = FolderSet.model_validate(make_spec("end_beyond___ms_as_s"))
    first = next(iter(read_all(folder.prepare_reads("mine", spec))))
    assert first.reason == "empty (the part begins at 500 s, the file ends at 1.00 s)"


def read_records(name: str, fields: dict):
    spec = {"use": "corpus", "folder": str(CASES / "13_archives"), "shards": f"{name}.tfrecord"}
    spec = TfrecordSet.model_validate(spec | {"fields": fields})
    return list(read_all(tfrecord.prepare_reads("mine", spec)))


def test_ids_of_records_stay_whole():
    clips = read_records("speakers", {"speaker": "speaker"})
    expected = "1234567 1234568 1234569 999999 20230115001 20230115002"
    assert [clip.speaker for clip in clips] == expected.split()


def test_a_rate_is_a_number_of_any_type():
    *clips, last = read_records("rate", {"sample_rate": "rate"})
    assert not [clip for clip in clips if isinstance(clip, Rejected)]
    assert last.reason.startswith("has '16 kHz' as its sample rate; expected a number of Hz")


def test_names_in_latin_1():
    spec = {"use": "corpus", "folder": str(CASES / "13_archives"), "shards": "latin1.tar"}
    spec = WebdatasetSet.model_validate(spec | {"fields": {"label": "cls"}})
    clip, rejected = read_all(webdataset.prepare_reads("mine", spec))
    assert len(clip.samples) == 16000
    assert "unreadable" in rejected.reason
    rejected.source.encode()  # a strict UTF-8 terminal takes it


def test_what_macos_keeps_beside_files_is_no_audio():
    spec = FilesSet(use="corpus", folder=str(CASES / "14_appledouble"))
    (clip,) = read_all(files.prepare_reads("mine", spec))
    assert "._" not in clip.source
