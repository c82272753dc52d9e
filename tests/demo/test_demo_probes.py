"""Shares against scikit-learn's linear discriminants, and what is kept in scratch."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import log_loss
from sounds import sound

from frill import Embedder
from frill.demo import probes
from frill.errors import UserError
from frill.noss.probes import LDA_SHRINKAGES
from frill.params.load import load_params


def gaussian_task(
    clips: int = 400, values: int = 6, classes: int = 3
) -> tuple[np.ndarray, list[dict]]:
    """Overlapping classes, so that shares are not all 0 or 1."""
    rng = np.random.default_rng(4)
    y = rng.integers(0, classes, clips)
    x = (rng.normal(0, 1, (classes, values))[y] + rng.normal(0, 1.5, (clips, values))).astype(
        np.float32
    )
    parts = rng.choice(["train", "validation", "test"], clips)
    return x, [
        {"label": "abc"[label], "split": part, "fold": "", "speaker": ""}
        for label, part in zip(y, parts, strict=True)
    ]


@pytest.mark.parametrize("clips", [400, 18])  # more training clips than values, and about as few
def test_shares_are_those_of_scikit_learns_discriminants(clips):
    x, rows = gaussian_task(clips)
    probe = probes.fit("task", x, rows, 0.2, seed=1)
    y = np.array([row["label"] for row in rows])
    index = {
        part: np.flatnonzero([row["split"] == part for row in rows])
        for part in ("train", "validation", "test")
    }
    mean, deviation = (
        x[index["train"]].mean(axis=0, dtype=float),
        x[index["train"]].std(axis=0, dtype=float),
    )
    z = (x - mean) / deviation
    fits = [
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage=s).fit(
            z[index["train"]], y[index["train"]]
        )
        for s in LDA_SHRINKAGES
    ]
    best = min(
        fits,
        key=lambda fit: log_loss(
            y[index["validation"]], fit.predict_proba(z[index["validation"]]), labels=fit.classes_
        ),
    )
    for clip in index["test"]:
        shares = probe.shares(x[clip])
        assert list(shares.values()) == sorted(shares.values(), reverse=True)
        np.testing.assert_allclose(
            [shares[label] for label in best.classes_],
            best.predict_proba(z[clip][None])[0],
            atol=1e-5,
        )
    assert probe.test_accuracy == pytest.approx(
        100 * best.score(z[index["test"]], y[index["test"]])
    )


def test_tasks_are_fitted_once_embedded_once(project, pooling_models):
    model = Path("release/frill_nofrontend.tflite")
    first = probes.fit_tasks(model, Embedder(model), load_params())
    assert [(probe.task, probe.labels) for probe in first] == [
        ("keyword", ["beeps", "hiss", "tone"]),
        ("mask", ["hiss", "tone"]),
    ]
    assert all(probe.test_accuracy == 100 for probe in first)  # textures are far apart
    kept = list(Path("scratch/embeddings").glob("*.npy"))
    assert len(kept) == 2

    class Untouchable(Embedder):
        def embed(self, *_arguments):
            raise AssertionError("embedded again")

    probes.fit_tasks(model, Untouchable(model), load_params())
    listener = probes.Listener(Embedder(model), first, "mean")
    for label in ("tone", "beeps", "hiss"):
        shares = listener.shares(listener.embed(sound(label, 1000, 44100), 44100))
        assert next(iter(shares["keyword"])) == label
        assert (
            sum(shares["keyword"].values()) == pytest.approx(1) and shares["keyword"][label] > 0.5
        )


def test_a_task_that_is_not_there_is_named(project, tmp_path, monkeypatch):
    settings = load_params()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UserError, match="data/task/keyword: the task's clips are not there yet; run `make repro`"
    ):
        probes.fit_tasks(project / "release/frill_nofrontend.tflite", None, settings)
