"""Clip embeddings: pooled as said, from the windows of the frontend, and computed once for a model and a corpus."""

import numpy as np
import pytest
from examples import speechlike

from frill import frontend
from frill.clips import Clip, ClipStore, write_clips
from frill.embedder import Embedder
from frill.noss import embed, log_mels
from frill.noss.log_mels import LogMels

LENGTHS = [16000, 5000, 40000, 100, 33333]  # samples


@pytest.fixture
def store(tmp_path, monkeypatch) -> ClipStore:
    monkeypatch.setattr(embed, "FOLDER", tmp_path / "embeddings")
    monkeypatch.setattr(log_mels, "FOLDER", tmp_path / "log_mel")
    write_clips(tmp_path / "task", [Clip(f"c{i}", speechlike(length, i), label="x") for i, length in enumerate(LENGTHS)])
    return ClipStore(tmp_path / "task")


def test_windows_are_the_frontends(store, tmp_path):
    clips = LogMels(store, 2, tmp_path / "log_mel")
    for index in range(len(LENGTHS)):
        np.testing.assert_array_equal(np.stack(clips.windows(index)), frontend.windows(store.samples(index)))


@pytest.mark.parametrize("pooling", ["mean", "max", "mean+max"])
def test_a_clips_embedding_is_its_windows_pooled(store, pooling_models, pooling):
    model, _ = pooling_models
    found = embed.embed_tflite(model, store, pooling, threads=2)
    for index, row in enumerate(found):
        values = Embedder(model).embed(store.samples(index))
        expected = {"mean": values.mean(axis=0), "max": values.max(axis=0)}
        np.testing.assert_allclose(row, np.concatenate([expected[name] for name in pooling.split("+")]), rtol=1e-5, atol=1e-6)


def test_the_control_is_of_the_clips_own_frames(store):
    found = embed.log_mel_statistics(store, threads=2)
    for index, length in enumerate(LENGTHS):
        frames = frontend.log_mel(np.pad(store.samples(index), (0, max(0, 400 - length))))
        np.testing.assert_allclose(found[index], np.concatenate([frames.mean(axis=0), frames.std(axis=0)]), rtol=1e-5, atol=1e-5)


def test_a_model_and_a_corpus_are_embedded_once(store, pooling_models, tmp_path, monkeypatch):
    calls = []

    def counted(clips):
        calls.append(len(calls))
        return ([[float(len(samples))], [0.0]] * np.ones((1, 3), np.float32) for samples in clips)

    first = embed.embed_calls(counted, "model", store, "mean")
    np.testing.assert_array_equal(first, np.array(LENGTHS)[:, None] / 2 * np.ones((1, 3)))
    np.testing.assert_array_equal(embed.embed_calls(counted, "model", store, "mean"), first)
    assert len(calls) == 1
    embed.embed_calls(counted, "model", store, "max")
    embed.embed_calls(counted, "another", store, "mean")
    write_clips(tmp_path / "other", [Clip("c", speechlike(9000), label="x")])
    embed.embed_calls(counted, "model", ClipStore(tmp_path / "other"), "mean")
    assert len(calls) == 4
    monkeypatch.setattr(embed, "code_hash", lambda *modules: "edited")
    embed.embed_calls(counted, "model", store, "mean")
    assert len(calls) == 5
    assert not list((tmp_path / "embeddings").glob("*.new"))


def test_a_folders_hash_is_of_names_bytes_and_what_else_counts(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x").write_bytes(b"1")
    hashes = [embed.folder_hash(tmp_path / "a", "layer19"), embed.folder_hash(tmp_path / "a", "embedding"), embed.folder_hash(tmp_path / "a/x")]
    (tmp_path / "a/x").rename(tmp_path / "a/y")
    hashes.append(embed.folder_hash(tmp_path / "a", "layer19"))
    (tmp_path / "a/y").write_bytes(b"2")
    hashes.append(embed.folder_hash(tmp_path / "a", "layer19"))
    assert len(set(hashes)) == 5 and hashes[-1] == embed.folder_hash(tmp_path / "a", "layer19")
