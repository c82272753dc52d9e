"""Scores of a task beside its accuracy, in percent.

confusion [K, K]        clips by true class (rows) and predicted class (columns)
scores    [clips, K]    any real numbers, higher for likelier; only their order in a class counts
y         [clips]       true classes, 0 to K - 1

unweighted_average_recall    of emotion tasks (INTERSPEECH challenges, Schuller et al. 2009): every
                             class counts alike, chance is 100 / K
equal_error_rate             of detection: where as many of the others are accepted as of the class
                             are missed, chance is 50
"""

import numpy as np


def unweighted_average_recall(confusion: np.ndarray) -> float:
    """Return the mean recall over the classes that have clips, percent.

    Raises ValueError for what is no confusion matrix or has no clip.
    """
    confusion = np.asarray(confusion, float)
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1]:
        raise ValueError(f"confusion has shape {list(confusion.shape)}; expected [K, K]")
    if not (np.isfinite(confusion) & (confusion >= 0)).all():
        raise ValueError(
            "confusion has values that are negative or not finite; expected numbers of clips"
        )
    clips = confusion.sum(axis=1)
    if not clips.any():
        raise ValueError("confusion has no clips; recall needs one at least")
    measured = clips > 0
    return 100 * float(np.mean(np.diag(confusion)[measured] / clips[measured]))


def equal_error_rate(scores: np.ndarray, y: np.ndarray) -> float:
    """Return the equal error rate of a class against all others, percent, mean over classes.

    A class without clips, or with all of them, is left out. Raises ValueError if that leaves none,
    for NaN and for shapes that do not fit.
    """
    scores = np.asarray(scores)
    y = np.asarray(y)
    if scores.ndim != 2 or y.shape != scores.shape[:1]:
        raise ValueError(
            f"scores have shape {list(scores.shape)} and y {list(y.shape)}; "
            "expected [clips, K] and [clips]"
        )
    missing = np.count_nonzero(np.isnan(scores))
    if missing:
        raise ValueError(f"scores have {missing} values that are NaN; expected numbers")
    classes = scores.shape[1]
    outside = sorted(set(y.tolist()) - set(range(classes)))
    if outside:
        raise ValueError(
            f"y has classes outside 0 to {classes - 1}, the columns of scores: {outside}"
        )
    clips = np.bincount(y.astype(int), minlength=classes)
    measured = np.flatnonzero((clips > 0) & (clips < len(y)))
    if not len(measured):
        raise ValueError(
            f"y has clips of {np.count_nonzero(clips)} class; an equal error rate needs two"
        )
    return 100 * float(np.mean([_equal_error_rate(scores[:, k], y == k) for k in measured]))


def _equal_error_rate(scores: np.ndarray, positive: np.ndarray) -> float:
    """Return the share of errors, 0 to 1, for a class whose clips are `positive` [clips]."""
    order = np.argsort(scores)[::-1]
    scores = scores[order]
    positive = positive[order]
    # The threshold passes equal scores at once: no order of positives and negatives is the true
    # one within a tie.
    is_last = np.append(scores[1:] != scores[:-1], True)
    accepted = np.concatenate([[0], np.flatnonzero(is_last) + 1])
    hits = np.concatenate([[0], np.cumsum(positive)])[accepted]
    misses = 1 - hits / positive.sum()
    false_alarms = (accepted - hits) / np.count_nonzero(~positive)
    # Each step adds a false alarm or removes a miss, so the difference rises strictly, from -1 to
    # 1, and is 0 once.
    return float(np.interp(0, false_alarms - misses, false_alarms))
