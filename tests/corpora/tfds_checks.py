"""What the tests of TFDS's data sets share: a spec, and clips compared with what a miniature was written from."""

import numpy as np
import tfds_miniatures as miniatures

from frill.audio.clip_writer import write_clips
from frill.audio.clips import Clip, ClipStore
from frill.noss.splits import splits
from frill.params.audio import TfdsSet

VOXCELEB_LIST = "http://www.robots.ox.ac.uk/~vgg/data/voxceleb/meta/iden_split.txt"
VOXFORGE_LIST = "https://storage.googleapis.com/tfds-data/downloads/voxforge/voxforge_urls.txt"
SPEECH_COMMANDS = "http://download.tensorflow.org/data/"


def spec(tmp_path, dataset, manual=True, **changes):
    values = {
        "use": "task",
        "dataset": dataset,
        "data_dir": str(tmp_path / "data"),
        "manual_dir": str(tmp_path / "manual") if manual else "none",
    }
    return TfdsSet.model_validate(values | changes)


def assert_same(
    found: list[Clip], truth: dict[str, miniatures.Expected], tolerance: int = 1, edge: int = 0
) -> None:
    """Every expected clip once, and no other, by its samples: x 32767 / 32768, as 16-bit files are read by 32768 and kept by TRILL's 32767."""
    assert all(isinstance(clip, Clip) and clip.samples.dtype == np.int16 for clip in found)
    assert len(found) == len(truth)
    for what, expected in truth.items():
        wanted = expected.samples * (32767 / 32768)
        inner = slice(edge, len(wanted) - edge)
        matches = [
            clip
            for clip in found
            if len(clip.samples) == len(wanted)
            and np.abs(clip.samples[inner] - wanted[inner]).max() <= tolerance
        ]
        assert len(matches) == 1, what
        clip = matches[0]
        assert (clip.label, clip.split, clip.speaker, clip.fold) == (
            expected.label,
            expected.split,
            expected.speaker,
            expected.fold,
        ), what


def assert_same_tones(found: list[Clip], truth: dict[str, miniatures.Expected]) -> None:
    """The same for resampled tones, away from their ends: against the closed form at 16 kHz."""
    assert_same(found, truth, tolerance=40, edge=400)


def assert_task(tmp_path, found: list[Clip], again: list[Clip]) -> None:
    """Same clips in the same order when read again from what TFDS prepared; stored, they make a task."""
    assert [(clip.name, clip.source, clip.label) for clip in found] == [
        (clip.name, clip.source, clip.label) for clip in again
    ]
    assert all((a.samples == b.samples).all() for a, b in zip(found, again, strict=True))
    assert len({clip.source for clip in found}) == len(found)
    write_clips(tmp_path / "store", found)
    assert splits(ClipStore(tmp_path / "store").rows, 0.5, 17)
