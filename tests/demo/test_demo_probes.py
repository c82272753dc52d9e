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


def gaussian_task(clips: int, values: int = 6, classes: int = 3) -> tuple[np.ndarray, list[dict]]:
    """Return classes that overlap, so that shares are not all 0 or 1."""
    rng = np.random.default_rng(4)
    y = rng.integers(0, classes, clips)
    centres = rng.normal(0, 1, (classes, values))
    x = centres[y] + rng.normal(0, 1.5, (clips, values))
    parts = rng.choice(["train", "validation", "test"], clips)
    rows = [
        {"label": "abc"[label], "split": part, "fold": "", "speaker": ""}
        for label, part in zip(y, parts, strict=True)
    ]
    return x.astype(np.float32), rows


@pytest.mark.parametrize("clips", [400, 18])  # more training clips than values, and about as few
def test_shares_are_those_of_scikit_learns_discriminants(clips):
    x, rows = gaussian_task(clips)
    probe = probes.fit("task", x, rows, 0.2, seed=1)
    y = np.array([row["label"] for row in rows])
    split = np.array([row["split"] for row in rows])
    train = split == "train"
    mean = x[train].mean(axis=0, dtype=float)
    z = (x - mean) / x[train].std(axis=0, dtype=float)

    def validation_loss(fit: LinearDiscriminantAnalysis) -> float:
        validation = split == "validation"
        return log_loss(y[validation], fit.predict_proba(z[validation]), labels=fit.classes_)

    models = [LinearDiscriminantAnalysis(solver="lsqr", shrinkage=s) for s in LDA_SHRINKAGES]
    best = min((model.fit(z[train], y[train]) for model in models), key=validation_loss)
    for clip in np.flatnonzero(split == "test"):
        shares = probe.find_shares(x[clip])
        assert list(shares.values()) == sorted(shares.values(), reverse=True)
        of_labels = [shares[label] for label in best.classes_]
        np.testing.assert_allclose(of_labels, best.predict_proba(z[clip][None])[0], atol=1e-5)
    accuracy = best.score(z[split == "test"], y[split == "test"])
    assert probe.test_accuracy == pytest.approx(100 * accuracy)


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
        shares = listener.find_shares(listener.embedder.embed(sound(label, 1000, 44100), 44100))
        assert next(iter(shares["keyword"])) == label
        assert sum(shares["keyword"].values()) == pytest.approx(1)
        assert shares["keyword"][label] > 0.5


def test_a_task_that_is_not_there_is_named(project, tmp_path, monkeypatch):
    settings = load_params()
    monkeypatch.chdir(tmp_path)
    message = "data/task/keyword: the task's clips are not there yet; run `make repro`"
    with pytest.raises(UserError, match=message):
        probes.fit_tasks(project / "release/frill_nofrontend.tflite", None, settings)
