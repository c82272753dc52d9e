"""Clip embeddings: from the frontend's windows, pooled as said, and computed once."""

import numpy as np
import pytest
from examples import STORE_SAMPLES, speechlike, write_clips

from frill.audio import frontend
from frill.audio.clips import Clip, ClipStore
from frill.embed.embedder import Embedder
from frill.noss import embed, log_mels
from frill.noss.log_mels import LogMels


def test_windows_are_the_frontends(store, tmp_path):
    clips = LogMels(store)
    assert len(list((tmp_path / "log_mel").glob("*.npy"))) == 1
    for index in range(len(STORE_SAMPLES)):
        np.testing.assert_array_equal(
            np.stack(clips.windows(index)), frontend.windows(store.samples(index))
        )


def test_frames_and_embeddings_are_the_same_bytes_of_any_number_of_workers(
    store, pooling_models, tmp_path, monkeypatch
):
    model, _ = pooling_models
    made = []
    for workers in ("1", "3"):
        monkeypatch.setenv("FRILL_WORKERS", workers)
        monkeypatch.setattr(log_mels, "FOLDER", tmp_path / workers / "log_mel")
        monkeypatch.setattr(embed, "FOLDER", tmp_path / workers / "embeddings")
        embed.embed_tflite(model, store, "mean")
        files = sorted((tmp_path / workers).rglob("*.npy"))
        made.append([(path.name, path.read_bytes()) for path in files])
    assert len(made[0]) == 2 and made[0] == made[1]


MODULE = "frill.teacher.saved_model"  # what a teacher hears is its making


@pytest.mark.parametrize("pooling, workers", [("mean", "1"), ("max", "2"), ("mean+max", "3")])
def test_a_clips_embedding_is_its_windows_pooled(
    store, pooling_models, monkeypatch, pooling, workers
):
    monkeypatch.setenv("FRILL_WORKERS", workers)
    model, _ = pooling_models
    found = embed.embed_tflite(model, store, pooling)
    for index, row in enumerate(found):
        values = Embedder(model).embed(store.samples(index))
        expected = {"mean": values.mean(axis=0), "max": values.max(axis=0)}
        np.testing.assert_allclose(
            row,
            np.concatenate([expected[name] for name in pooling.split("+")]),
            rtol=1e-5,
            atol=1e-6,
        )


def test_the_control_is_of_the_clips_own_frames(store):
    found = embed.embed_log_mels(store)
    for index, length in enumerate(STORE_SAMPLES):
        frames = frontend.log_mel(np.pad(store.samples(index), (0, max(0, 400 - length))))
        np.testing.assert_allclose(
            found[index],
            np.concatenate([frames.mean(axis=0), frames.std(axis=0)]),
            rtol=1e-5,
            atol=1e-5,
        )


def test_a_model_and_a_corpus_are_embedded_once(store, pooling_models, tmp_path, monkeypatch):
    calls = []

    def counted(clips):
        calls.append(len(calls))
        return ([[float(len(samples))], [0.0]] * np.ones((1, 3), np.float32) for samples in clips)

    first = embed.embed_calls(counted, "model", MODULE, store, "mean")
    np.testing.assert_array_equal(first, np.array(STORE_SAMPLES)[:, None] / 2 * np.ones((1, 3)))
    np.testing.assert_array_equal(embed.embed_calls(counted, "model", MODULE, store, "mean"), first)
    assert len(calls) == 1
    embed.embed_calls(counted, "model", MODULE, store, "max")
    embed.embed_calls(counted, "another", MODULE, store, "mean")
    write_clips(tmp_path / "other", [Clip("c", speechlike(9000), label="x")])
    embed.embed_calls(counted, "model", MODULE, ClipStore(tmp_path / "other"), "mean")
    assert len(calls) == 4
    monkeypatch.setattr(embed, "hash_code", lambda *names: "edited")
    embed.embed_calls(counted, "model", MODULE, store, "mean")
    assert len(calls) == 5
    assert not list((tmp_path / "embeddings").glob("*.new"))
