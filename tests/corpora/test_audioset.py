"""AudioSet in miniature: the official files' formats, clips under the names of downloaders."""

import json

import numpy as np
import pytest
import soundfile
from examples import encode, tone

from frill.audio.clips import Clip, Rejected
from frill.corpora import audioset
from frill.corpora.reading import read_all
from frill.errors import UserError
from frill.params.audio import AudiosetSet
from frill.params.load import ParamsError, validate

SPEECH, MALE, CHILD, MUSIC, DOG = "/m/09x0r", "/m/05zppz", "/m/0ytgt", "/m/04rlf", "/m/0bt9lr"
CSV = """# Segments csv created Sun Mar  5 10:54:31 2017
# num_ytids=5, num_segs=5, num_unique_labels=5, num_positive_labels=8
# YTID, start_seconds, end_seconds, positive_labels
--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"
--ZhevVpy1s, 50.000, 60.000, "/m/012xff"
-0SdAVK79lg, 0.000, 7.250, "/m/05zppz,/m/09x0r,/m/04rlf"
_aE2O5G5WE0, 120.500, 130.500, "/m/0ytgt"
zzz-_zzzzzz, 10.000, 20.000, "/m/09x0r"
"""


def entry(mid: str, name: str, children: tuple = ()) -> dict:
    about = {"description": "", "citation_uri": "", "positive_examples": [], "restrictions": []}
    return {"id": mid, "name": name, "child_ids": list(children), **about}


ONTOLOGY = [
    entry("/m/0dgw9r", "Human sounds", ["/m/09l8g"]),
    entry("/m/09l8g", "Human voice", [SPEECH]),
    entry(SPEECH, "Speech", [MALE, CHILD]),
    entry(MALE, "Male speech, man speaking"),
    entry(CHILD, "Child speech, kid speaking"),
    entry(MUSIC, "Music"),
    entry("/m/012xff", "Toothbrush"),
    entry("/t/dd00088", "Gush"),
]
CLASSES = f"""index,mid,display_name
0,{SPEECH},"Speech"
1,{MALE},"Male speech, man speaking"
2,{CHILD},"Child speech, kid speaking"
"""
NAMES = ["--PJHxphWEs.wav", "-0SdAVK79lg_0_7250.flac", "_aE2O5G5WE0_120.500_130.500.wav"]


@pytest.fixture
def files(tmp_path):
    (tmp_path / "balanced_train_segments.csv").write_text(CSV)
    (tmp_path / "ontology.json").write_text(json.dumps(ONTOLOGY, indent=1))
    (tmp_path / "class_labels_indices.csv").write_text(CLASSES)
    (tmp_path / "clips").mkdir()
    for number, name in enumerate(NAMES):
        soundfile.write(tmp_path / "clips" / name, tone(300 + 100 * number, 44100, 1.0), 44100)
    return tmp_path


def spec(root, **changes) -> AudiosetSet:
    values = {
        "use": "corpus",
        "folder": str(root / "clips"),
        "csv": str(root / "balanced_train_segments.csv"),
        "ontology": str(root / "ontology.json"),
        "labels": "Speech",
        "pattern": [
            "{ytid}.wav",
            "{ytid}_{start_ms}_{end_ms}.flac",
            "{ytid}_{start_s}_{end_s}.wav",
        ],
    }
    return AudiosetSet.model_validate(values | changes)


def read_clips(mine: AudiosetSet, start: int = 0, threads: int = 1) -> list[Clip | Rejected]:
    return list(read_all(audioset.prepare_reads("speech", mine), start, threads))


def test_the_speech_subset_by_label(files):
    first, second, missing = read_clips(spec(files, licence="CC-BY-4.0"))
    assert (first.name, second.name) == ("--PJHxphWEs_30000", "-0SdAVK79lg_0")
    assert first.source == "youtube.com/watch?v=--PJHxphWEs"
    assert second.source == "youtube.com/watch?v=-0SdAVK79lg"
    for clip in (first, second):
        assert (clip.label, clip.licence) == ("Speech", "CC-BY-4.0")
        assert len(clip.samples) == 16000
    assert missing == Rejected(
        "youtube.com/watch?v=zzz-_zzzzzz", "no such file (zzz-_zzzzzz.wav)", "missing"
    )
    assert audioset.find_missing("speech", spec(files))[1:] == (1, 3)
    clip, missing = read_clips(spec(files), start=1, threads=2)
    assert clip.name == "-0SdAVK79lg_0" and isinstance(missing, Rejected)


def test_labels_below_by_the_ontologys_tree(files):
    for labels in ("Human sounds", "/m/09l8g"):
        rows = list(audioset.read_rows("speech", spec(files, labels=labels, children=1)))
        assert [(row["ytid"], row["label"]) for row in rows] == [
            ("--PJHxphWEs", "Speech"),
            ("-0SdAVK79lg", "Male speech, man speaking+Speech"),
            ("_aE2O5G5WE0", "Child speech, kid speaking"),
            ("zzz-_zzzzzz", "Speech"),
        ]
    both = spec(files, labels=["Music", "Speech"], children=1)
    assert len(audioset.choose_labels("speech", both)) == 4


def test_labels_by_the_list_of_classes(files):
    classes = str(files / "class_labels_indices.csv")
    listed = spec(files, ontology=classes, labels=["Child speech, kid speaking", MALE])
    rows = list(audioset.read_rows("speech", listed))
    assert [row["ytid"] for row in rows] == ["-0SdAVK79lg", "_aE2O5G5WE0"]
    message = "children = 1: .*class_labels_indices.csv has no tree of labels; give ontology.json"
    with pytest.raises(UserError, match=message):
        list(audioset.read_rows("speech", listed.model_copy(update={"children": 1})))


def test_without_labels_all_clips(files):
    rows = list(audioset.read_rows("speech", spec(files, labels=None)))
    assert len(rows) == 5 and rows[2]["end_s"] == "7.250"
    assert {row["label"] for row in rows} == {""}


@pytest.mark.parametrize(
    "pattern, name",
    [
        ("{ytid}.wav", "_aE2O5G5WE0.wav"),
        ("Y{ytid}.wav", "Y_aE2O5G5WE0.wav"),
        ("{ytid}_{start}_{end}.wav", "_aE2O5G5WE0_120_130.wav"),
        ("{ytid}_{start_ms}_{end_ms}.m4a", "_aE2O5G5WE0_120500_130500.m4a"),
        ("balanced/{ytid}_{start_s}.m4a", "balanced/_aE2O5G5WE0_120.500.m4a"),
    ],
)
def test_names_that_downloaders_give(files, pattern, name):
    path = files / "clips" / name
    path.parent.mkdir(exist_ok=True)
    if name.endswith("m4a"):
        path.write_bytes(encode(tone(500, 44100, 1.0)[None], 44100, "ipod", "aac"))
    else:
        soundfile.write(path, tone(500, 16000, 1.0), 16000)
    (clip,) = read_clips(spec(files, labels=CHILD, pattern=pattern))
    assert isinstance(clip, Clip) and len(clip.samples) == 16000
    assert clip.samples[4000:12000].std() * np.sqrt(2) == pytest.approx(0.5 * 32767, rel=0.02)


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"labels": "Speach"},
            "audio.audioset.speech.labels: 'Speach' is no label of .*ontology.json; correct it",
        ),
        (
            {"labels": "speech"},
            "'speech' is no label .*; it has Speech, Male speech, man speaking, Child speech",
        ),
        ({"labels": "Human sounds"}, "no segment has one of audio.audioset.speech.labels"),
        (
            {"folder": "/nowhere"},
            "audio.audioset.speech.folder = '/nowhere': no such folder; correct the path",
        ),
        (
            {"csv": "/nowhere.csv"},
            "audio.audioset.speech.csv = '/nowhere.csv': no such file or directory; correct",
        ),
        (
            {"ontology": "/nowhere.json"},
            "audio.audioset.speech.ontology = '/nowhere.json': no such file or directory; correct",
        ),
    ],
)
def test_mistakes_name_key_value_and_remedy(files, changes, message):
    with pytest.raises(UserError, match=message) as error:
        list(audioset.read_rows("speech", spec(files, **changes)))
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("# YTID,", "YTID,", "line 3 is 'YTID, start_seconds"),
        (
            "num_segs=5",
            "num_segs=22160",
            "holds 5 segments, its header says num_segs=22160; fetch it again",
        ),
        ("-0SdAVK79lg, 0.000", "../../x, 0.000", "'../../x, 0.000, 7.250, .*' is not a segment"),
        ("0.000, 7.250", "nan, 7.250", "is not a segment"),
        (', "/m/012xff"', "", "'--ZhevVpy1s, 50.000, 60.000' is not a segment"),
    ],
)
def test_a_csv_that_is_not_the_official_one(files, old, new, message):
    (files / "balanced_train_segments.csv").write_text(CSV.replace(old, new, 1))
    with pytest.raises(UserError, match=message):
        list(audioset.read_rows("speech", spec(files)))


@pytest.mark.parametrize("content", ["{", "[1]", '[{"name": "x"}]', '{"a": 1}'])
def test_an_ontology_that_is_none(files, content):
    (files / "ontology.json").write_text(content)
    message = "neither AudioSet's ontology.json nor its class_labels_indices.csv; fetch it again"
    with pytest.raises(UserError, match=message):
        list(audioset.read_rows("speech", spec(files)))


def test_a_link_out_of_the_folder_is_not_followed(files):
    soundfile.write(files / "secret.wav", tone(500, 16000, 1.0), 16000)
    (files / "clips/zzz-_zzzzzz.wav").symlink_to(files / "secret.wav")
    *clips, rejected = read_clips(spec(files))
    assert len(clips) == 2 and rejected.kind == "outside"


@pytest.mark.parametrize(
    "pattern",
    [
        "{start}.wav",
        "{ytid.__class__}.wav",
        "{ytid!r}.wav",
        "{ytid:>30}.wav",
        "{id}.wav",
        "../{ytid}.wav",
        "/{ytid}.wav",
        "{ytid",
    ],
)
def test_a_pattern_that_cannot_be_filled_in(default, files, pattern):
    default["audio"]["audioset"] = {"youtube": spec(files).model_dump() | {"pattern": pattern}}
    sentence = "must be within the folder" if "/{" in pattern else ""
    with pytest.raises(ParamsError, match=f"audio.audioset.youtube.pattern.*{sentence}"):
        validate(default)
