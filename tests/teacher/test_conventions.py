"""Teachers as they are published: TRILL, TRILL-distilled, TRILLsson, FRILL and others.

They are in miniature, but for a real one.
"""

import os
from pathlib import Path

import conventions
import numpy as np
import pytest
import tensorflow as tf
from examples import speechlike

from frill.audio import frontend
from frill.teacher.saved_model import Teacher, TeacherError

LENGTHS = [40000, 9000, 16000, 64000, 20000, 33333, 100]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    def save(module: type) -> Path:
        path = tmp_path_factory.mktemp(module.__name__)
        conventions.save(module(), path)
        return path

    return save


def power_rows(samples: np.ndarray, values: int) -> np.ndarray:
    """Return what the miniatures of TRILL give, in numpy."""
    audio = np.pad(samples / 32767, (0, max(0, 16000 - len(samples))))
    starts = range(0, 2720 * frontend.count_windows(len(samples)), 2720)
    power = np.array([np.mean(audio[start : start + 15600] ** 2) for start in starts])
    return power[:, None] * np.arange(1, values + 1)


@pytest.mark.parametrize(
    "module, output, level, values",
    [
        (conventions.Trill, "layer19", "time", 6),
        (conventions.Trill, "embedding", "time", 4),
        (conventions.TrillDistilled, "embedding", "time", 8),
        (conventions.Frill, "embedding", "flat", 5),
        (conventions.OneClip, "layer19", "time", 6),
        (conventions.Int16, "layer19", "time", 6),
        (conventions.Served, "layer19", "time", 6),
        (conventions.Tuple, "1", "time", 6),
    ],
)
def test_rows_of_every_convention_are_those_of_the_windows(saved, module, output, level, values):
    teacher = Teacher(saved(module), output)
    assert (teacher.level, teacher.values) == (level, values)
    clips = [speechlike(samples, seed) for seed, samples in enumerate(LENGTHS)]
    for clip, rows in zip(clips, teacher.embed(iter(clips)), strict=True):
        np.testing.assert_allclose(rows, power_rows(clip, values), rtol=1e-4, atol=1e-9)


def test_a_teacher_of_whole_clips_hears_2_s_around_every_window(saved, monkeypatch):
    teacher = Teacher(saved(conventions.Trillsson), "embedding")
    assert (teacher.level, teacher.values, teacher.call_samples) == ("clip", 3, 32000)
    clips = [speechlike(samples, seed) for seed, samples in enumerate(LENGTHS)]
    expected = []
    for clip in clips:
        audio = np.pad((clip / 32767) ** 2, (16000, 64000))  # 1 s of zeros before, enough behind
        middles = 16000 + 7800 + 2720 * np.arange(frontend.count_windows(len(clip)))
        rows = []
        for middle in middles:
            before, behind = audio[middle - 16000 : middle], audio[middle : middle + 16000]
            rows.append([np.mean(before), np.mean(behind), 32000])
        expected.append(rows)
    for batch_samples in (1, 100_000, 10**7):
        monkeypatch.setattr("frill.teacher.batching.BATCH_SAMPLES", batch_samples)
        for rows, wanted in zip(teacher.embed(clips), expected, strict=True):
            np.testing.assert_allclose(rows, wanted, rtol=1e-4, atol=1e-9)
        last = [np.array([len(wanted) - 1]) for wanted in expected]
        for rows, wanted in zip(teacher.embed(clips, last), expected, strict=True):
            np.testing.assert_allclose(rows, wanted[-1:], rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize(
    "module, output",
    [
        (conventions.Trill, "layer19"),
        (conventions.OneClip, "layer19"),
        (conventions.Trillsson, "embedding"),
    ],
)
def test_new_lengths_do_not_retrace(saved, monkeypatch, module, output):
    teacher = Teacher(saved(module), output)
    traced = []
    original = tf.Graph.as_default

    def as_default(graph):
        traced.append(graph)
        return original(graph)

    monkeypatch.setattr(tf.Graph, "as_default", as_default)
    list(teacher.embed([speechlike(16000)]))
    before = len(traced)
    list(teacher.embed(speechlike(samples) for samples in range(15000, 60000, 1777)))
    assert len(traced) == before


def test_a_teacher_that_refuses_16_khz_is_quoted(saved):
    message = "teacher.source: the model refuses audio of 16000 Hz: .*only 44100 Hz"
    with pytest.raises(TeacherError, match=message) as error:
        Teacher(saved(conventions.OtherRate), "layer19")
    assert len(str(error.value).splitlines()) == 1


class Text(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="sentences")])
    def __call__(self, sentences):
        return {"embedding": tf.strings.to_number(sentences)[:, None]}


class Faster(tf.Module):
    """A row every 100 ms."""

    @tf.function(input_signature=[tf.TensorSpec([None, None])])
    def __call__(self, audio):
        return {"embedding": tf.signal.frame(audio, 1600, 1600)[..., :4]}


class Fading(tf.Module):
    """The right number of rows for 2 s, and never another."""

    @tf.function(input_signature=[tf.TensorSpec([None, None])])
    def __call__(self, audio):
        return {"embedding": tf.reshape(audio[:, :28], [-1, 7, 4])}


@pytest.mark.parametrize(
    "module, message",
    [
        (Text, r"cannot be called with samples float.*it offers \(sentences string \(None,\)\)"),
        (
            Faster,
            r"shape \[2, 20, 4\] for two clips of 2 s \(20 rows, one per 100 ms\); "
            r"expected \[2, 7, D\], one row per 170 ms",
        ),
    ],
)
def test_what_is_no_teacher_is_refused_with_what_it_is(saved, module, message):
    with pytest.raises(TeacherError, match=message) as error:
        Teacher(saved(module), "embedding")
    assert len(str(error.value).splitlines()) == 1


def test_rows_at_another_rate_are_refused_when_they_come(saved):
    teacher = Teacher(saved(Fading), "embedding")
    message = r"gave shape \[1, 7, 4\] for \[1, 48000\] samples where 12 rows a clip"
    with pytest.raises(TeacherError, match=message):
        list(teacher.embed([speechlike(48000)]))


@pytest.mark.skipif(
    "FRILL_TEACHER" not in os.environ,
    reason="FRILL_TEACHER names no folder of a teacher's SavedModel",
)
def test_a_real_teacher_gives_the_rows_of_one_eager_call_a_clip():
    folder = Path(os.environ["FRILL_TEACHER"])
    clips = [speechlike(samples, seed) for seed, samples in enumerate(LENGTHS)]
    module = tf.saved_model.load(str(folder))
    for output in module(samples=np.zeros(16000, np.float32), sample_rate=16000):
        teacher = Teacher(folder, output)
        for clip, rows in zip(clips, teacher.embed(clips), strict=True):
            own = module(samples=clip / np.float32(32767), sample_rate=16000)[output].numpy()
            assert rows.shape == own.shape == (frontend.count_windows(len(clip)), teacher.values)
            np.testing.assert_allclose(rows, own, rtol=1e-3, atol=0.01 * own.std())
