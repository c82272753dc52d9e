"""How much audio a set has: clips, their lengths, and for sets that are not on this disk what was published about them."""

from dataclasses import dataclass

import numpy as np

from frill import frontend
from frill.audio import SAMPLE_RATE_HZ
from frill.teacher.parts import spans

COMPUTED, MEASURED, PUBLISHED = "computed", "measured", "published"


@dataclass(frozen=True)
class Amount:
    """A set's audio: `clips` in number, whose lengths are distributed as `lengths_s` [any number], in seconds.

    `classes` and `folds` are a task's (0 folds: a split), `speakers` whether its clips have them. `basis` says where the numbers come from.
    """

    clips: int
    lengths_s: np.ndarray
    basis: str
    classes: int = 0
    folds: int = 0
    speakers: bool = False

    @property
    def seconds(self) -> float:
        return self.clips * float(np.mean(self.lengths_s))

    def windows(self, most: int | None = None) -> int:
        """Windows of all clips, `most` of one clip at most."""
        counts = np.array([frontend.window_count(round(length * SAMPLE_RATE_HZ)) for length in self.lengths_s])
        return round(self.clips * float(np.mean(counts if most is None else np.minimum(counts, most))))

    def heard(self, most: int) -> int:
        """Windows of the crops that a teacher is called with for `most` random windows a clip, from a draw."""
        rng, draws = np.random.default_rng(0), max(1, 500 // len(self.lengths_s))
        heard = []
        for length_s in np.repeat(self.lengths_s, draws):
            count = frontend.window_count(round(length_s * SAMPLE_RATE_HZ))
            positions = np.sort(rng.choice(count, min(count, most), replace=False))
            heard.append(sum(int(span[-1] - span[0]) + 1 for span in spans(positions)))
        return round(self.clips * float(np.mean(heard)))

    def frames(self) -> int:
        """Log-mel frames of all clips, each padded to 1 s where it is shorter."""
        samples = np.maximum(np.round(self.lengths_s * SAMPLE_RATE_HZ), frontend.MIN_SAMPLES)
        return round(self.clips * float(np.mean((samples - frontend.FRAME_SAMPLES) // frontend.HOP_SAMPLES + 1)))


def _published(clips: int, length_s: float, classes: int = 0, folds: int = 0, speakers: bool = False) -> Amount:
    return Amount(clips, np.array([length_s]), PUBLISHED, classes, folds, speakers)


# Clips, mean seconds. Counts are TFDS's catalogue where it has them. VoxForge's and the mask corpus's counts and all mean lengths but those of 1 s
# and ESC-50's are estimates after the papers (arXiv 2002.12764, 1706.08612; ComParE 2020): good for a plan, not to be quoted.
_VOXCELEB = _published(134_000 + 6_670 + 7_972, 8.2, 1252)  # the whole identification split
_MASK = _published(10_895 + 14_647 + 11_012, 1.0, 2)
PUBLISHED_SETS = {
    "audioset": _published(900_000, 10.0),  # "about 900 K clips": model card of tfhub.dev/google/nonsemantic-speech-benchmark/frill/1
    "voxceleb": _VOXCELEB,
    "voxforge": _published(176_438, 5.8, 6, speakers=True),
    "speech_commands": _published(85_511 + 10_102 + 4_890, 1.0, 12),
    "crema_d": _published(5_144 + 738 + 1_556, 2.5, 6, speakers=True),
    "savee": _published(480, 3.8, 7, speakers=True),
    "compare_mask": _MASK,
    "esc50_human": _published(400, 5.0, 10, folds=5),  # 10 classes x 40 clips: README of karolpiczak/ESC-50
}
PUBLISHED_SETS |= {"audioset_speech": PUBLISHED_SETS["audioset"], "voxceleb1": _VOXCELEB, "masked_speech": _MASK}


def published(*names: str) -> Amount | None:
    """The first of these names that has published figures; a part after / is a variant of the set."""
    return next((PUBLISHED_SETS[key] for name in names if (key := name.partition("/")[0]) in PUBLISHED_SETS), None)
