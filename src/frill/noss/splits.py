"""Which clips train, validate and test a task.

With folds: fold k tests, the next one validates, the rest trains, for every k. With a split column:
as it says. Without a validation split: a seeded share of the training clips validates, whole
speakers where there are speakers.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from frill.audio.recordings import find_copies
from frill.errors import UserError


class SplitError(UserError):
    """A task that cannot be scored; the message is for the user."""


@dataclass(frozen=True)
class Split:
    """Indices of clips."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def make_splits(rows: Sequence[dict], validation_share: float, seed: int) -> list[Split]:
    """Return one Split, or one a fold, of a manifest's rows. Raises SplitError."""
    label = np.array([row["label"] for row in rows])
    fold = np.array([row["fold"] for row in rows])
    if fold.any() and not fold.all():
        where = _name_clip(rows[int(np.flatnonzero(fold == "")[0])])
        raise SplitError(
            f"lacks a fold for {int((fold == '').sum())} of {len(rows)} clips, first for {where}; "
            "fill it in"
        )
    split = np.array([row["split"] for row in rows])
    classes = sorted(set(label))
    if len(classes) < 2:
        raise SplitError(
            f"has {len(classes)} class ({', '.join(classes) or 'no clips'}); "
            "a task needs two or more"
        )
    if fold.all():
        return _split_by_folds(fold)
    parts = {name: np.flatnonzero(split == name) for name in ("train", "validation", "test")}
    for name in ("train", "test"):
        if not len(parts[name]):
            present = ", ".join(sorted(set(split) - {""})) or "none"
            raise SplitError(
                f"has no clips in split {name} (the column holds: {present}); "
                "map the column's values in `splits`"
            )
    if not len(parts["validation"]):
        parts["train"], parts["validation"] = _hold_out(
            parts["train"], rows, validation_share, seed
        )
    if len(set(label[parts["train"]])) < 2:
        raise SplitError("has one class in its training clips; a task needs two or more")
    return [Split(**parts)]


def _name_clip(row: dict) -> str:
    return row.get("file") or row.get("source") or row.get("clip") or "?"


def _split_by_folds(fold: np.ndarray) -> list[Split]:
    names = sorted(set(fold), key=lambda name: (len(name), name))  # 2 before 10
    if len(names) < 3:
        raise SplitError(
            f"has {len(names)} folds; cross-validation here needs 3 or more "
            "(one tests, one validates, the rest trains)"
        )
    splits = []
    for index, name in enumerate(names):
        test = fold == name
        validation = fold == names[(index + 1) % len(names)]
        train = ~test & ~validation
        splits.append(Split(*map(np.flatnonzero, (train, validation, test))))
    return splits


def _hold_out(
    train: np.ndarray, rows: Sequence[dict], share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Hold whole groups of `train` out.

    Groups are speakers where every clip has one, there are three or more and no class goes with
    them; clips otherwise, with all copies of the same samples. No class loses all of its clips.
    """
    speakers = [rows[index]["speaker"] for index in train]
    label = np.array([rows[index]["label"] for index in train])
    if all(speakers) and len(set(speakers)) >= 3:
        names, count = _shuffle_groups(speakers, share, seed)
        held = np.isin(speakers, names[:count])
        if set(label[held]) <= set(label[~held]):  # not where speakers are the classes
            return train[~held], train[held]
    copies = find_copies([rows[index]["sha256"] for index in train])
    groups = train[copies].astype(str).tolist()
    held = _hold_out_clips(groups, label.tolist(), *_shuffle_groups(groups, share, seed))
    if not held.any():
        raise SplitError(
            "has one training clip, or copies of one, in each class; it cannot be split into train "
            "and validation"
        )
    return train[~held], train[held]


def _shuffle_groups(groups: list[str], share: float, seed: int) -> tuple[np.ndarray, int]:
    """Return the groups' names in the order in which they are drawn, and how many are."""
    names = np.random.default_rng(seed).permutation(sorted(set(groups)))
    return names, int(np.clip(round(share * len(names)), 1, max(1, len(names) - 1)))


def _hold_out_clips(
    groups: list[str], label: list[str], names: np.ndarray, count: int
) -> np.ndarray:
    """Return which clips the first `count` of `names` hold, bool [clips].

    A group that has all that is left of a class is passed over.
    """
    clips: dict[str, list[int]] = {}
    for clip, group in enumerate(groups):
        clips.setdefault(group, []).append(clip)
    held = np.zeros(len(groups), bool)
    left = Counter(label)
    drawn = 0
    for name in names:
        lost = Counter(label[clip] for clip in clips[name])
        if all(left[each] > n for each, n in lost.items()):
            held[clips[name]] = True
            left -= lost
            drawn += 1
        if drawn == count:
            break
    return held
