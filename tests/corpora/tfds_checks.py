"""What the tests of TFDS's data sets share: a spec, and clips compared with a miniature's truth."""

from collections.abc import Iterator

import numpy as np
import tfds_miniatures as miniatures
from examples import write_clips

from frill.audio.clips import Clip, ClipStore, Rejected
from frill.corpora.reading import read_all
from frill.corpora.tfds import examples
from frill.noss.splits import make_splits
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


def read_clips(name: str, spec: TfdsSet, start: int = 0) -> Iterator[Clip | Rejected]:
    return read_all(examples.prepare_reads(name, spec), start)


def assert_same(
    clips: list[Clip], truth: dict[str, miniatures.Expected], tolerance: int = 1, edge: int = 0
) -> None:
    """Find every expected clip once, and no other, by its samples.

    They are x 32767 / 32768, as 16-bit files are read by 32768 and kept by TRILL's 32767.
    """
    assert all(isinstance(clip, Clip) and clip.samples.dtype == np.int16 for clip in clips)
    assert len(clips) == len(truth)
    for what, expected in truth.items():
        wanted = expected.samples * (32767 / 32768)
        inner = slice(edge, len(wanted) - edge)
        matches = []
        for clip in clips:
            if len(clip.samples) == len(wanted):
                difference = np.abs(clip.samples[inner] - wanted[inner]).max()
                matches += [clip] if difference <= tolerance else []
        assert len(matches) == 1, what
        for role in ("label", "split", "speaker", "fold"):
            assert getattr(matches[0], role) == getattr(expected, role), what


def assert_same_tones(clips: list[Clip], truth: dict[str, miniatures.Expected]) -> None:
    """Compare resampled tones, away from their ends, with the closed form at 16 kHz."""
    assert_same(clips, truth, tolerance=40, edge=400)


def assert_task(tmp_path, name: str, spec: TfdsSet, clips: list[Clip]) -> None:
    """Read the same clips again from what TFDS prepared; stored, they make a task."""
    for clip, again in zip(clips, read_clips(name, spec), strict=True):
        assert (clip.name, clip.source, clip.label) == (again.name, again.source, again.label)
        assert (clip.samples == again.samples).all()
    assert len({clip.source for clip in clips}) == len(clips)
    write_clips(tmp_path / "store", clips)
    assert make_splits(ClipStore(tmp_path / "store").rows, 0.5, 17)
