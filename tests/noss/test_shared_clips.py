"""Clips that judge students and lie in a corpus too are found, and too many stop everything."""

import pytest
from examples import speechlike, write_clips

from frill.audio.clips import Clip, ClipStore
from frill.errors import UserError
from frill.noss.shared_clips import enforce_limit, find_shared_clips
from frill.noss.splits import make_splits
from frill.params.schema import Noss


@pytest.fixture
def settings(default) -> Noss:
    return Noss(**default["noss"])


def store(folder, name: str, seeds, part=lambda i: {}) -> ClipStore:
    """Write a set whose clips have these sounds; the labels are a and b in turns."""
    clips = []
    for i, seed in enumerate(seeds):
        sound = speechlike(4000, seed)
        clips.append(Clip(f"{name}{i}", sound, "ab"[i % 2], source=f"{name}{i}.wav", **part(i)))
    write_clips(folder / name, clips)
    return ClipStore(folder / name)


def thirds(i: int) -> dict:
    return {"split": ("train", "validation", "test")[i // 2 % 3]}


def test_what_judges_and_what_is_trained_on(tmp_path, settings):
    task = store(tmp_path, "task", range(30), thirds)
    # Of train (0, 1), of validation (2, 3) and of test (4, 5); and what the task does not have.
    corpus = store(tmp_path, "corpus", [100, 0, 1, 2, 101, 5, 5])
    other = store(tmp_path, "other", [2])
    shared, judging = find_shared_clips([corpus, other], [task], settings, 17)
    assert judging == {"task": 20}
    found = [(clip["clip"], clip["corpus"], clip["corpus_source"]) for clip in shared]
    expected = [("task2", "corpus", "corpus3.wav"), ("task5", "corpus", "corpus5.wav")]
    assert found == [*expected, ("task2", "other", "other0.wav")]
    assert enforce_limit(shared, judging, 0.1)[0] == (
        "task: task2.wav holds the same audio as corpus3.wav of the corpus corpus"
    )
    message = (
        "task: 2 of its 20 validation and test clips are in a corpus .* audio.leakage_limit = 0.09;"
    )
    with pytest.raises(UserError, match=message):
        enforce_limit(shared, judging, 0.09)


def test_clips_that_scoring_holds_out_judge_too(tmp_path, settings):
    task = store(tmp_path, "task", range(40), lambda i: {"split": "test" if i > 30 else "train"})
    (split,) = make_splits(task.rows, settings.validation_share, 17)
    held, trained = int(split.validation[0]), int(split.train[0])
    corpus = store(tmp_path, "corpus", [held, trained])
    shared, judging = find_shared_clips([corpus], [task], settings, 17)
    assert [clip["clip"] for clip in shared] == [f"task{held}"]
    assert judging == {"task": 9 + len(split.validation)}


def test_every_fold_judges(tmp_path, settings):
    task = store(tmp_path, "task", range(12), lambda i: {"fold": str(i // 2 % 3)})
    corpus = store(tmp_path, "corpus", range(12))
    shared, judging = find_shared_clips([corpus], [task], settings, 17)
    assert len(shared) == judging["task"] == 12


def test_a_task_that_cannot_be_split_is_named(tmp_path, settings):
    task = store(tmp_path, "task", range(8), lambda i: {"split": "train"})
    with pytest.raises(UserError, match="task task has no clips in split test"):
        find_shared_clips([], [task], settings, 17)
    assert enforce_limit([], {"task": 3}, 0.0) == []
