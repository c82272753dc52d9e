"""A folder of audio and its CSV: columns, choice of rows, splits, and what cannot be read."""

import csv
import re

import numpy as np
import pytest
import soundfile

from frill.audio.clips import Clip, Rejected
from frill.corpora import folder
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
    given = {
        "use": "task",
        "folder": str(root / "audio"),
        "csv": str(root / "list.csv"),
        "columns": COLUMNS,
    }
    return FolderSet.model_validate(given | changes)


def test_columns_splits_and_rejected_files(audio):
    splits = {"train": "training", "validation": ["dev", "x"], "test": "eval"}
    *clips, missing = folder.clips("mine", spec(audio, splits=splits))
    assert all(isinstance(clip, Clip) and clip.samples.dtype == np.int16 for clip in clips)
    found = [
        (clip.name, clip.label, clip.speaker, clip.split, clip.fold, clip.source) for clip in clips
    ]
    assert found == [
        ("mine-000000", "yes", "anna", "train", "", "a/one.wav"),
        ("mine-000001", "no", "ben", "validation", "", "two.wav"),
        ("mine-000002", "no", "carl", "test", "", "two.wav"),
    ]
    assert [len(clip.samples) for clip in clips] == [16000, 16000, 16000]
    assert missing == Rejected("missing.wav", "no such file", "missing")
    assert folder.probe_files("mine", spec(audio)) == ([missing], 4)
    again = list(folder.clips("mine", spec(audio, splits=splits), start=1, threads=2))
    assert [getattr(item, "name", item) for item in again] == [
        "mine-000001",
        "mine-000002",
        missing,
    ]


def test_without_splits_the_columns_words_stay(audio):
    assert [row["split"] for row in folder.rows("mine", spec(audio))] == [
        "training",
        "dev",
        "eval",
        "eval",
    ]
    assert [row["split"] for row in folder.rows("mine", spec(audio, splits={"test": "eval"}))] == [
        "",
        "",
        "test",
        "test",
    ]


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
    assert [row["speaker"] for row in folder.rows("mine", spec(audio, where=where))] == [
        ROWS[index]["who"] for index in kept
    ]


def test_a_part_of_a_file(audio):
    write_csv(
        audio / "list.csv",
        [
            {"f": "a/one.wav", "from": "0.25", "long": "0.5"},
            {"f": "a/one.wav", "from": "", "long": ""},
        ],
    )
    columns = {"file": "f", "start_s": "from", "duration_s": "long"}
    part, whole = folder.clips("mine", spec(audio, use="corpus", columns=columns))
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
    rejected, clip = folder.clips("mine", mine)
    assert (
        isinstance(rejected, Rejected)
        and (rejected.source, rejected.kind) == (file, kind)
        and re.search(reason, rejected.reason)
    )
    assert isinstance(clip, Clip) and folder.probe_files("mine", mine) == ([rejected], 2)


def test_a_licence_of_the_row_or_of_the_set_and_a_note_on_the_extension(audio):
    soundfile.write(audio / "audio/flac.wav", np.ones(160), 16000, format="FLAC")
    write_csv(
        audio / "list.csv",
        [{"path": "flac.wav", "terms": "CC0-1.0"}, {"path": "two.wav", "terms": ""}],
    )
    first, second = folder.clips(
        "mine",
        spec(
            audio, use="corpus", columns={"file": "path", "licence": "terms"}, licence="CC-BY-4.0"
        ),
    )
    assert (first.licence, first.note) == (
        "CC0-1.0",
        "named .wav but holds flac; read by its content",
    )
    assert (second.licence, second.note) == ("CC-BY-4.0", "")


def test_a_name_that_the_file_system_refuses(audio):
    write_csv(
        audio / "list.csv", [{"path": "a" * 300 + ".wav", "n": "1"}, {"path": "two.wav", "n": "1"}]
    )
    rejected, clip = folder.clips("mine", spec(audio, use="corpus", columns={"file": "path"}))
    assert rejected.reason == "unreadable (File name too long)" and clip.source == "two.wav"


def test_an_absolute_path_is_refused(audio):
    write_csv(audio / "list.csv", [{"path": str(audio / "secret.wav"), "n": "1"}])
    (rejected,) = folder.clips("mine", spec(audio, use="corpus", columns={"file": "path"}))
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
        list(folder.rows("mine", spec(audio, **changes)))
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
        list(folder.rows("mine", spec(audio)))


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
    with pytest.raises(UserError, match=f"column 'from' = .* for two.wav: {message}"):
        list(
            folder.rows(
                "mine", spec(audio, use="corpus", columns={"file": "path", "start_s": "from"})
            )
        )


def test_excels_byte_order_mark_and_short_rows(audio):
    (audio / "list.csv").write_bytes(b"\xef\xbb\xbfpath,word,who,part\ntwo.wav,yes\n")
    (row,) = folder.rows("mine", spec(audio))
    assert (row["file"], row["label"], row["speaker"], row["split"]) == ("two.wav", "yes", "", "")


def test_a_label_that_is_not_among_labels_is_found_without_decoding(audio):
    rejected, listed = folder.probe_files("mine", spec(audio, labels=["no"]))
    assert listed == 4 and [(item.source, item.kind) for item in rejected] == [
        ("a/one.wav", "unknown_label"),
        ("missing.wav", "missing"),
    ]
    assert rejected[0].reason == "its label 'yes' is not among `labels`"
