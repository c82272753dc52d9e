"""A folder of audio and its CSV: columns, choice of rows, splits, and what cannot be read."""

import csv
import re
from unicodedata import normalize

import numpy as np
import pytest
import soundfile

from frill.audio.clips import Clip, Rejected
from frill.corpora import folder
from frill.corpora.reading import read_all
from frill.errors import UserError
from frill.params.audio import FolderSet

COLUMNS = {"file": "path", "label": "word", "speaker": "who", "split": "part"}
ROWS = [
    {"path": "a/one.wav", "word": "yes", "who": "anna", "part": "training", "noise": "0"},
    {"path": "two.wav", "word": "no", "who": "ben", "part": "dev", "noise": "0"},
    {"path": "two.wav", "word": " no ", "who": "carl", "part": "eval", "noise": "1"},
    {"path": "missing.wav", "word": "no", "who": "ben", "part": "eval", "noise": "2"},
]


def write_csv(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def audio(tmp_path):
    (tmp_path / "audio/a").mkdir(parents=True)
    ramp = np.arange(16000).astype(np.int16)
    soundfile.write(tmp_path / "audio/a/one.wav", ramp, 16000)
    soundfile.write(tmp_path / "audio/two.wav", ramp[::2], 8000)
    (tmp_path / "audio/empty.wav").write_bytes(b"")
    (tmp_path / "audio/text.wav").write_text("not audio")
    soundfile.write(tmp_path / "secret.wav", ramp, 16000)
    write_csv(tmp_path / "list.csv", ROWS)
    return tmp_path


def spec(root, **changes) -> FolderSet:
    values = {
        "use": "task",
        "folder": str(root / "audio"),
        "csv": str(root / "list.csv"),
        "columns": COLUMNS,
    }
    return FolderSet.model_validate(values | changes)


def read_clips(mine: FolderSet, start: int = 0, threads: int = 1) -> list[Clip | Rejected]:
    return list(read_all(folder.prepare_reads("mine", mine), start, threads))


def read_rows(mine: FolderSet) -> list[dict]:
    return list(folder.read_rows("mine", mine))


def test_columns_splits_and_rejected_files(audio):
    splits = {"train": "training", "validation": ["dev", "x"], "test": "eval"}
    *clips, missing = read_clips(spec(audio, splits=splits))
    expected = [
        ("mine-000000", "yes", "anna", "train", "a/one.wav"),
        ("mine-000001", "no", "ben", "validation", "two.wav"),
        ("mine-000002", "no", "carl", "test", "two.wav"),
    ]
    for clip, values in zip(clips, expected, strict=True):
        assert (clip.name, clip.label, clip.speaker, clip.split, clip.source) == values
        assert clip.fold == "" and clip.samples.dtype == np.int16 and len(clip.samples) == 16000
    assert missing == Rejected("missing.wav", "no such file", "missing")
    assert folder.probe_files("mine", spec(audio)) == ([missing], 4)
    *clips, last = read_clips(spec(audio, splits=splits), start=1, threads=2)
    assert [clip.name for clip in clips] == ["mine-000001", "mine-000002"] and last == missing


def test_without_splits_the_columns_words_stay(audio):
    rows = read_rows(spec(audio))
    assert [row["split"] for row in rows] == ["training", "dev", "eval", "eval"]
    rows = read_rows(spec(audio, splits={"test": "eval"}))
    assert [row["split"] for row in rows] == ["training", "dev", "test", "test"]


@pytest.mark.parametrize(
    "where, kept",
    [
        ({"noise": "0"}, [0, 1]),
        ({"noise": ["1", "2"]}, [2, 3]),
        ({"noise": ["0", "1"], "who": "ben"}, [1]),
        ({}, [0, 1, 2, 3]),
    ],
)
def test_where_keeps_rows(audio, where, kept):
    speakers = [row["speaker"] for row in read_rows(spec(audio, where=where))]
    assert speakers == [ROWS[index]["who"] for index in kept]


def test_a_part_of_a_file(audio):
    rows = [
        {"f": "a/one.wav", "from": "0.25", "long": "0.5"},
        {"f": "a/one.wav", "from": "", "long": ""},
    ]
    write_csv(audio / "list.csv", rows)
    columns = {"file": "f", "start_s": "from", "duration_s": "long"}
    part, whole = read_clips(spec(audio, use="corpus", columns=columns))
    np.testing.assert_allclose(part.samples, np.arange(4000, 12000), atol=1)
    assert len(whole.samples) == 16000


@pytest.mark.parametrize(
    "file, kind, reason",
    [
        ("../secret.wav", "outside", "leads out of the folder"),
        ("a/../../secret.wav", "outside", "leads out of the folder"),
        ("link.wav", "outside", "leads out of the folder"),
        ("", "missing", "has no file name"),
        ("empty.wav", "empty", r"empty \(0 bytes\)"),
        ("text.wav", "unreadable", "unreadable"),
        ("a", "missing", "no such file"),
    ],
)
def test_files_that_cannot_be_used_are_counted(audio, file, kind, reason):
    (audio / "audio/link.wav").symlink_to(audio / "secret.wav")
    write_csv(audio / "list.csv", [{"path": file, "n": "1"}, {"path": "two.wav", "n": "2"}])
    mine = spec(audio, use="corpus", columns={"file": "path"})
    rejected, clip = read_clips(mine)
    assert (rejected.source, rejected.kind) == (file, kind)
    assert re.search(reason, rejected.reason)
    assert isinstance(clip, Clip) and folder.probe_files("mine", mine) == ([rejected], 2)


def test_a_licence_of_the_row_or_of_the_set_and_a_note_on_the_extension(audio):
    soundfile.write(audio / "audio/flac.wav", np.ones(160), 16000, format="FLAC")
    rows = [{"path": "flac.wav", "terms": "CC0-1.0"}, {"path": "two.wav", "terms": ""}]
    write_csv(audio / "list.csv", rows)
    columns = {"file": "path", "licence": "terms"}
    first, second = read_clips(spec(audio, use="corpus", columns=columns, licence="CC-BY-4.0"))
    assert first.licence == "CC0-1.0"
    assert first.note == "named .wav but holds flac; read by its content"
    assert (second.licence, second.note) == ("CC-BY-4.0", "")


def test_a_name_that_the_file_system_refuses(audio):
    rows = [{"path": "a" * 300 + ".wav", "n": "1"}, {"path": "two.wav", "n": "1"}]
    write_csv(audio / "list.csv", rows)
    rejected, clip = read_clips(spec(audio, use="corpus", columns={"file": "path"}))
    assert rejected.reason == "unreadable (File name too long)" and clip.source == "two.wav"


def test_an_absolute_path_is_refused(audio):
    write_csv(audio / "list.csv", [{"path": str(audio / "secret.wav"), "n": "1"}])
    (rejected,) = read_clips(spec(audio, use="corpus", columns={"file": "path"}))
    assert rejected.reason == "leads out of the folder"


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"columns": COLUMNS | {"speaker": "name"}},
            "columns.speaker names the column 'name', .* it has: path, word, who, part, noise",
        ),
        ({"where": {"lang": "en"}}, "audio.folder.mine.where.lang names the column 'lang'"),
        ({"where": {"noise": "9"}}, "no rows are left for audio.folder.mine after `where`"),
        (
            {"folder": "/nowhere"},
            "audio.folder.mine.folder = '/nowhere': no such folder; correct the path",
        ),
        (
            {"csv": "/nowhere.csv"},
            "audio.folder.mine.csv = '/nowhere.csv': no such file or directory; correct the path",
        ),
    ],
)
def test_mistakes_name_key_value_and_remedy(audio, changes, message):
    with pytest.raises(UserError, match=message) as error:
        read_rows(spec(audio, **changes))
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "it has: none"),
        (b"path\n\xff\xfe\n", "not a CSV in UTF-8"),
        (b"path,word,who,part\n", "no rows are left"),
        (
            b'path,word,who,part\ntwo.wav,"yes,anna,dev\ntwo.wav,no,ben,dev\n',
            "not a CSV in UTF-8 .unexpected end of data",
        ),  # one row, silently
        (
            b"path,word,who,part\ntwo.wav,yes, please,anna,dev\n",
            "line 2 has more fields than the header: 'dev' is left over",
        ),
        (
            b"path,word,who,part,word\ntwo.wav,yes,anna,dev,no\n",
            "columns.label names the column 'word', which stands twice",
        ),
    ],
)
def test_a_csv_that_is_none(audio, content, message):
    (audio / "list.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_rows(spec(audio))


@pytest.mark.parametrize(
    "value, message",
    [
        ("soon", "must be seconds, as 1.25"),
        ("-1", "must be 0 or more"),
        ("inf", "must be 0 or more"),
        ("nan", "must be 0"),
        ("1e300", "must be 0 or more, up to 1e.09"),
    ],
)
def test_a_start_that_is_no_time(audio, value, message):
    write_csv(audio / "list.csv", [{"path": "two.wav", "from": value}])
    mine = spec(audio, use="corpus", columns={"file": "path", "start_s": "from"})
    with pytest.raises(UserError, match=f"column 'from' = .* for two.wav: {message}"):
        read_rows(mine)


def test_excels_byte_order_mark_and_short_rows(audio):
    (audio / "list.csv").write_bytes(b"\xef\xbb\xbfpath,word,who,part\ntwo.wav,yes\n")
    (row,) = read_rows(spec(audio))
    assert (row["file"], row["label"], row["speaker"], row["split"]) == ("two.wav", "yes", "", "")


def test_a_label_that_is_not_among_labels_is_found_without_decoding(audio):
    rejected, listed = folder.probe_files("mine", spec(audio, labels=["no"]))
    assert listed == 4 and [(item.source, item.kind) for item in rejected] == [
        ("a/one.wav", "unknown_label"),
        ("missing.wav", "missing"),
    ]
    assert rejected[0].reason == "its label 'yes' is not among `labels`"


def test_rows_without_anything_are_a_spreadsheets(audio):
    with open(audio / "list.csv", "a") as file:
        file.write(",,,,\n,,,,\n")
    assert len(read_rows(spec(audio))) == len(ROWS)


def test_a_value_stands_for_one_split(audio):
    splits = {"train": ["training", "dev"], "test": ["eval", "dev"]}
    with pytest.raises(ValueError, match="'dev' stands under train and test; keep it under one"):
        spec(audio, splits=splits)


def test_a_word_that_splits_leave_out_is_no_split_of_frills(audio):
    write_csv(audio / "list.csv", [ROWS[0] | {"part": "validation"}])
    (row,) = read_rows(spec(audio, splits={"train": "training"}))
    assert row["split"] == "validation (not in splits)"


@pytest.mark.parametrize("listed, stored", [("NFC", "NFD"), ("NFD", "NFC")])
def test_an_accent_is_one_character_or_two(audio, listed, stored):
    name = "d\u00e9j\u00e0.wav"
    (audio / "audio/two.wav").rename(audio / "audio" / normalize(stored, name))
    write_csv(audio / "list.csv", [ROWS[1] | {"path": normalize(listed, name)}])
    (clip,) = read_clips(spec(audio))
    assert len(clip.samples) == 16000


def test_a_part_behind_the_end_and_odd_files_are_named(audio):
    rows = [ROWS[0] | {"begin": "500"}, ROWS[0] | {"begin": "0.5"}]
    write_csv(audio / "list.csv", rows)
    behind, clip = read_clips(spec(audio, columns=COLUMNS | {"start_s": "begin"}))
    assert behind.reason == "empty (the part begins at 500 s, the file ends at 1.00 s)"
    assert len(clip.samples) == 8000
    content = bytearray((audio / "audio/two.wav").read_bytes())
    content[40:44] = bytes(4)  # the size of the data: never filled in
    (audio / "audio/two.wav").write_bytes(content)
    write_csv(audio / "list.csv", [ROWS[1]])
    (clip,) = read_clips(spec(audio))
    assert clip.note == "its header gives no length; read to the file's end"
