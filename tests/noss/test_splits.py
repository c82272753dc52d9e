"""Which clips train, validate and test."""

import numpy as np
import pytest
from pipeline_project import ROOT

from frill.noss.splits import SplitError, make_splits
from frill.workflow import presets


def rows(count=60, split=None, fold=None, speaker=None, labels=2) -> list[dict]:
    given = {
        "split": split or (lambda i: ""),
        "fold": fold or (lambda i: ""),
        "speaker": speaker or (lambda i: ""),
    }
    return [
        {"label": f"l{i % labels}", "sha256": f"{i:x}"} | {key: of(i) for key, of in given.items()}
        for i in range(count)
    ]


def thirds(i):
    return ("train", "validation", "test")[i // 2 % 3]


def train_test(i):
    return "test" if i % 5 == 4 else "train"


def test_the_split_column_is_kept():
    (split,) = make_splits(rows(split=thirds), 0.2, 17)
    for name in ("train", "validation", "test"):
        assert getattr(split, name).tolist() == [i for i in range(60) if thirds(i) == name]


def test_each_fold_tests_once_and_the_next_validates():
    found = make_splits(rows(fold=lambda i: str(i % 12 + 1)), 0.2, 17)
    assert len(found) == 12
    for k, split in enumerate(found):  # folds 1, 2 ... 10, 11, 12 in the order of numbers
        assert split.test.tolist() == [i for i in range(60) if i % 12 == k]
        assert split.validation.tolist() == [i for i in range(60) if i % 12 == (k + 1) % 12]
        assert sorted([*split.train, *split.validation, *split.test]) == list(range(60))


@pytest.mark.parametrize("share, speakers", [(0.2, 2), (0.5, 6), (0.01, 1)])
def test_whole_speakers_are_held_out(share, speakers):
    data = rows(120, train_test, speaker=lambda i: f"s{i % 12}")
    (split,) = make_splits(data, share, 17)
    who = [{data[i]["speaker"] for i in part} for part in (split.train, split.validation)]
    assert not who[0] & who[1] and len(who[1]) == speakers and len(who[0]) == 12 - speakers
    assert split.test.tolist() == [i for i in range(120) if train_test(i) == "test"]
    assert sorted([*split.train, *split.validation]) == [
        i for i in range(120) if train_test(i) == "train"
    ]


@pytest.mark.parametrize(
    "speaker",
    [None, lambda i: f"s{i % 2}", lambda i: "" if i == 0 else f"s{i}"],
    ids=["none", "two", "one unknown"],
)
def test_clips_are_held_out_where_speakers_cannot_be(speaker):
    (split,) = make_splits(rows(100, train_test, speaker=speaker), 0.25, 17)
    assert len(split.train) == 60 and len(split.validation) == 20
    assert not set(split.train) & set(split.validation)


def test_the_hold_out_is_a_function_of_the_seed():
    held = [make_splits(rows(100, train_test), 0.2, seed)[0].validation for seed in (1, 1, 2)]
    np.testing.assert_array_equal(held[0], held[1])
    assert set(held[0]) != set(held[2])


def test_three_speakers_are_never_all_held_out():
    (split,) = make_splits(rows(60, train_test, speaker=lambda i: f"s{i % 3}"), 0.9, 17)
    assert len(split.train) and len(split.validation)


@pytest.mark.parametrize(
    "data, message",
    [
        (rows(labels=1, split=thirds), r"has 1 class \(l0\)"),
        ([], r"has 0 class \(no clips\)"),
        (rows(fold=lambda i: str(i % 2)), "has 2 folds; cross-validation here needs 3 or more"),
        (rows(split=lambda i: "train"), "has no clips in split test .the column holds: train."),
        (
            rows(split=lambda i: "dev" if i % 2 else "test"),
            r"has no clips in split train \(the column holds: dev, test\)",
        ),
        (rows(), r"has no clips in split train \(the column holds: none\)"),
        (rows(fold=lambda i: "" if i == 3 else str(i % 5)), "lacks a fold for 1 of 60 clips"),
        (rows(3, split=lambda i: "train" if i == 0 else "test"), "has one training clip"),
        (rows(split=lambda i: "train" if i % 2 else "test"), "has one class in its training clips"),
        (
            rows(5, split=lambda i: "train" if i < 3 else "test", labels=3),
            "has one training clip, or copies of one, in each class",
        ),
    ],
)
def test_what_cannot_be_scored(data, message):
    with pytest.raises(SplitError, match=message):
        make_splits(data, 0.2, 17)


def test_speakers_that_are_the_classes_are_not_held_out_whole():
    rows = [
        {
            "label": f"s{i % 5}",
            "speaker": f"s{i % 5}",
            "split": "train" if i < 50 else "test",
            "fold": "",
            "sha256": f"{i:x}",
        }
        for i in range(60)
    ]
    (split,) = make_splits(rows, 0.2, 17)
    assert {rows[i]["label"] for i in split.validation} <= {
        rows[i]["label"] for i in split.train
    } and len(split.validation) == 10


@pytest.mark.parametrize("speaker", [None, lambda i: f"s{i}", lambda i: f"s{i % 3}"])
def test_no_class_loses_all_of_its_clips(speaker):
    """Of one class there is a single training clip, of twelve others there are three."""
    data = rows(3 * 12 + 1, lambda i: "train", speaker=speaker, labels=12)
    data[-1]["label"] = "rare"
    data += [row | {"split": "test", "sha256": "f" * 9, "speaker": "t"} for row in data[-13:]]
    for seed in range(40):
        (split,) = make_splits(data, 0.2, seed)
        assert {data[i]["label"] for i in split.train} == {row["label"] for row in data}
        assert len(split.validation) >= 7


def test_copies_are_held_out_together():
    """Every training clip is there twice: none that validates is known from training."""
    data = rows(200, train_test)
    for i, row in enumerate(data):
        row["sha256"] = f"{i % 100:x}"
    (split,) = make_splits(data, 0.2, 17)
    sounds = [{data[i]["sha256"] for i in part} for part in (split.train, split.validation)]
    assert not sounds[0] & sounds[1] and len(sounds[1]) == 16  # a fifth of 80


def test_the_folders_preset_distils_from_no_speaker_who_validates(monkeypatch):
    """Of the Free Spoken Digit Dataset: six speakers, in train and test, no validation split."""
    monkeypatch.chdir(ROOT)
    preset = presets.load("folders")
    speakers = ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]
    data = rows(1200, train_test, speaker=lambda i: speakers[i // 5 % 6], labels=10)
    (split,) = make_splits(data, preset.noss.validation_share, preset.seed)
    held = {data[i]["speaker"] for i in split.validation}
    distilled = preset.audio.folder["fsdd_train"].where["speaker"]
    assert set(distilled) == set(speakers) - held and held
