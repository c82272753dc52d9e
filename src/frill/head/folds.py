"""Which clips train, validate and test a head: as a task's, drawn where nothing says so.

With folds or a split of the user's own: as noss.splits. With neither: folds are drawn, whole
speakers where there are speakers, with every class in every fold as far as that goes.
"""

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from frill.audio.recordings import find_recordings
from frill.errors import UserError
from frill.noss.splits import Split, SplitError, make_splits

FOLDS = 5
LEAST_FOLDS = 3  # one tests, one validates, the rest trains
VALIDATION_SHARE = 0.2
NO_SPLIT = (
    "name its words by --splits train=WORD test=WORD; to have folds drawn instead, leave the "
    "column out: --columns with file, label and no split"
)


def split_clips(rows: Sequence[dict], name: str, seed: int) -> tuple[list[Split], str]:
    """Return the splits of a manifest's rows, and a phrase for what was held out.

    Raises UserError where a class would not be heard in training, and where a split column names
    no train or no test: folds drawn over it would mix what somebody kept apart.
    """
    by = "by its folds"
    if not any(row["fold"] for row in rows):
        by = "by its split"
        if not any(row["split"] for row in rows):
            rows, by = draw_folds(rows, seed)
    try:
        splits = make_splits(rows, VALIDATION_SHARE, seed)
    except SplitError as error:
        problem = str(error).replace("a task", "a head")
        problem = problem.replace("map the column's values in `splits`", NO_SPLIT)
        raise UserError(f"{name} {problem}") from None
    labels = np.array([row["label"] for row in rows])
    for split in splits:
        if missing := sorted(set(labels) - set(labels[split.train])):
            raise UserError(
                f"{name}: the class {missing[0]!r} has no clips that train ({by}), so that no head "
                "can learn it; spread its clips over the parts, or leave that column out"
            )
    return splits, by


def draw_folds(rows: Sequence[dict], seed: int) -> tuple[list[dict], str]:
    """Return the rows with folds drawn by `seed`, and a phrase for what was held out.

    Whole speakers stay together where every clip has one and every class has LEAST_FOLDS or more;
    else whole recordings, and copies of one sound. There are FOLDS, or as many as the class with
    the fewest speakers or recordings has.
    """
    labels = np.array([row["label"] for row in rows])
    recordings = find_recordings([rows])
    speakers = np.array([row["speaker"] for row in rows])
    groups, by = recordings, "by recordings"
    if all(speakers) and _count_fewest(labels, speakers) >= LEAST_FOLDS:
        groups, by = speakers, "by whole speakers"
    folds = min(FOLDS, max(LEAST_FOLDS, _count_fewest(labels, groups)))
    drawn = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    result = [dict(row) for row in rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of few clips: the caller looks at each class
        for number, (_, test) in enumerate(drawn.split(labels, labels, groups), 1):
            for clip in test:
                result[clip]["fold"] = str(number)
    return result, f"in {folds} folds {by}"


def _count_fewest(labels: np.ndarray, groups: np.ndarray) -> int:
    """Return how many groups the class with the fewest has."""
    return min(len(set(groups[labels == label])) for label in set(labels))
