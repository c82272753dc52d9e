"""The synthetic sets: what a split may share, what must be balanced, the same bytes every time."""

import hashlib
import subprocess
import sys
from collections import Counter
from itertools import islice

import numpy as np
import pytest

pytest.importorskip("espeakng_loader")

from frill.corpora.synthetic import espeak, voices  # noqa: E402
from frill.corpora.synthetic.sets import SETS, make_clips  # noqa: E402
from frill.corpora.synthetic.tasks import TASKS  # noqa: E402
from frill.corpora.synthetic.voices import (  # noqa: E402
    TASK_LANGUAGES,
    VARIANTS,
    find_split,
    list_people,
    list_sentences,
)

SPLITS = ("train", "validation", "test")
MOODS = {"angry", "disgust", "fear", "happy", "neutral", "sad"}
SOUNDS = {"breathing", "brushing", "clapping", "coughing", "crying", "footsteps", "laughing"}
SOUNDS |= {"sneezing", "snoring"}
KINDS = {"plain", "words", "whispering", *MOODS, *SOUNDS}
DIGEST = """
import hashlib
from itertools import islice
from frill.corpora.synthetic.sets import SETS, make_clips
digest = hashlib.sha256()
for name in SETS:
    for clip in islice(make_clips(name, 3), 4):
        digest.update(clip.samples.tobytes())
print(digest.hexdigest())
"""


@pytest.fixture(scope="module")
def made():
    """Make the first clips of every set.

    They are a cycle of splits for the sets with few labels, and a piece of the others.
    """
    return {name: list(islice(make_clips(name, seed=3), 60)) for name in SETS}


@pytest.mark.parametrize("name", SETS)
def test_clips_are_audible_and_not_clipped(made, name):
    for clip in made[name]:
        assert clip.samples.dtype == np.int16 and clip.samples.ndim == 1, clip.name
        assert 300 < np.abs(clip.samples.astype(int)).max() < 32000, clip.name
        frames = clip.samples[: len(clip.samples) // 400 * 400].reshape(-1, 400)
        assert (frames.std(axis=1) > 0).all(), f"{clip.name} has a silent frame"


@pytest.mark.parametrize("name", SETS)
def test_clips_last_as_documented(made, name):
    least_s, greatest_s = {"distillation": (3, 8), "keyword": (1.0, 1.3)}.get(name, (1.0, 2.5))
    seconds = [len(clip.samples) / 16000 for clip in made[name]]
    assert least_s <= min(seconds) and max(seconds) <= greatest_s


@pytest.mark.parametrize("name", SETS)
def test_names_are_unique_and_sources_given(made, name):
    assert len({clip.name for clip in made[name]}) == len(made[name])
    assert made[name][12].name == f"{name}-00012"
    assert all(clip.source.startswith("espeak-ng 1.") for clip in made[name])


def test_labels_are_balanced_in_every_split():
    for name, (_, labels) in TASKS.items():
        assert 1200 % (10 * len(labels)) == 0, f"{name} is not balanced in 1,200 clips"
    counts = Counter((clip.split, clip.label) for clip in make_clips("mask", 0, clips=40))
    for split, count in zip(SPLITS, (10, 4, 6), strict=True):
        assert counts.pop((split, "clear")) == counts.pop((split, "mask")) == count
    assert not counts


@pytest.mark.parametrize("name", ["keyword", "language", "emotion", "mask", "human_sounds"])
def test_no_voice_is_in_two_splits(made, name):
    variants = {split: set() for split in SPLITS}
    for clip in made[name]:
        variants[clip.split].add(clip.speaker.rsplit("-", 1)[0])
    assert not variants["train"] & variants["validation"]
    assert not variants["train"] & variants["test"]
    assert not variants["validation"] & variants["test"]


def test_people_of_the_splits_are_different():
    counts = Counter(map(find_split, range(len(VARIANTS))))
    assert counts == {"train": 30, "validation": 12, "test": 18}
    names = [person.name for split in SPLITS for person in list_people(split)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("language", TASK_LANGUAGES)
def test_sentences_of_the_splits_are_different(language):
    texts = [text for split in SPLITS for text in list_sentences(language, split)]
    assert len(texts) >= 60 and len(set(texts)) == len(texts)


def test_sentences_of_the_speaker_task_keep_to_their_split(made):
    for clip in made["speaker"]:
        assert clip.speaker == clip.label
        assert any(text in clip.source for text in list_sentences("en", clip.split)), clip


def test_no_voice_of_the_distillation_set_judges(made):
    """No voice of a validation or test clip is heard in it, of any task: a teacher learns them."""
    heard = set()
    for clip in made["distillation"]:
        voice = clip.source.split(": ")[1].split()[0].split("+")[1]
        heard.add(voice)
        assert clip.split == ""
        assert clip.speaker in ("", f"{voice}-1000")
    judging = {person.variant for split in SPLITS[1:] for person in list_people(split)}
    for name in TASKS:
        for clip in made[name]:
            if clip.split != "train":
                judging.add(clip.speaker.rsplit("-", 1)[0])
    assert heard and not heard & judging


def test_no_sentence_of_the_distillation_set_judges(monkeypatch):
    spoken = []

    def speak(text, **arguments):
        spoken.append(text)
        return espeak.speak(text, **arguments)

    monkeypatch.setattr(voices, "speak", speak)
    for _ in islice(make_clips("distillation", seed=3), 40):
        pass
    text = "\n".join(spoken)
    judging = [s for la in TASK_LANGUAGES for part in SPLITS[1:] for s in list_sentences(la, part)]
    assert [sentence for sentence in judging if sentence in text] == []
    known = [sentence for sentence in list_sentences("en", "train") if sentence in text]
    assert known


def test_a_distillation_clip_is_labelled_with_what_can_be_heard(made):
    for clip in made["distillation"]:
        kind, *mask = clip.label.split("+")
        assert kind in KINDS and mask in ([], ["mask"]), clip.label
        is_sound = clip.source.endswith(tuple(f"'{maker}'" for maker in SOUNDS))
        assert bool(clip.language) != is_sound
        assert bool(clip.speaker) == (not is_sound and kind != "whispering")
    assert {"plain", "mask"} < {label for c in made["distillation"] for label in c.label.split("+")}


def test_distillation_is_as_long_as_asked():
    seconds = sum(len(clip.samples) / 16000 for clip in make_clips("distillation", 0, hours=0.03))
    assert 108 <= seconds < 116  # the last clip may go over


def test_same_seed_same_bytes_in_another_process(made):
    here = hashlib.sha256()
    for name in SETS:
        for clip in made[name][:4]:
            here.update(clip.samples.tobytes())
    there = subprocess.run(
        [sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True
    )
    assert there.stdout.strip() == here.hexdigest()


def test_a_shorter_set_begins_the_longer_one_and_seeds_differ(made):
    short = list(make_clips("language", seed=3, clips=60))
    for shorter, longer in zip(short, made["language"], strict=True):
        assert np.array_equal(shorter.samples, longer.samples)
    other = next(make_clips("language", seed=4))
    assert not np.array_equal(other.samples, short[0].samples)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("nosuch", 0), "no such synthetic set; there are distillation, keyword"),
        (("distillation", 0, None, 10), "'distillation' is measured in hours"),
        (("mask", 0, 1.0), "'mask' is measured in clips"),
    ],
)
def test_wrong_requests_say_what_is_right(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_clips(*arguments)


@pytest.mark.parametrize(
    "name, much", [("distillation", {"hours": 0.02}), ("keyword", {"clips": 120})]
)
def test_a_later_start_gives_the_rest(name, much):
    """Go on as an interrupted store does.

    To end with the same clip, `distillation` has to know how long the clips before were.
    """
    whole = list(islice(make_clips(name, seed=3, **much), 40))
    before = sum(len(clip.samples) for clip in whole[:7])
    rest = list(islice(make_clips(name, seed=3, **much, start=7, start_samples=before), 33))
    assert len(rest) > 5
    assert [clip.name for clip in rest] == [clip.name for clip in whole[7:]]
    np.testing.assert_array_equal(rest[0].samples, whole[7].samples)
