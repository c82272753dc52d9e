"""Sets of audio by sections of params.yaml; an interrupted store goes on with its set only."""

import os
from itertools import islice

import numpy as np
import pytest
import soundfile
from examples import tone

from frill.audio.clip_writer import Done
from frill.audio.clips import Clip
from frill.corpora import load as corpora
from frill.params.load import validate


@pytest.fixture
def params(default, tmp_path):
    (tmp_path / "audio").mkdir()
    soundfile.write(tmp_path / "audio/a.wav", tone(440, 16000, 0.5), 16000)
    soundfile.write(tmp_path / "audio/b.wav", tone(440, 16000, 0.5, amplitude=1e-4), 16000)
    soundfile.write(tmp_path / "audio/c.wav", tone(550, 16000, 0.5), 16000)
    (tmp_path / "list.csv").write_text("path,word\na.wav,yes\nb.wav,yes\nc.wav,no\n")
    spec = {
        "use": "corpus",
        "folder": str(tmp_path / "audio"),
        "csv": str(tmp_path / "list.csv"),
        "columns": {"file": "path", "label": "word"},
    }
    default["audio"]["folder"] = {"mine": spec | {"labels": ["yes"]}}
    return default


def test_a_set_is_screened_and_goes_on_where_it_was(params):
    items = list(corpora.load_clips("folder", "mine", validate(params)))
    assert isinstance(items[0], Clip)
    assert [item.kind for item in items[1:]] == ["silent", "unknown_label"]
    (last,) = corpora.load_clips("folder", "mine", validate(params), Done(items=2))
    assert last == items[2]


def test_the_synthetic_sets_come_through_the_same_door(params):
    pytest.importorskip("espeakng_loader")
    first = next(iter(corpora.load_clips("espeak", "keyword", validate(params))))
    seventh = next(iter(corpora.load_clips("espeak", "keyword", validate(params), Done(items=6))))
    assert isinstance(first, Clip) and first.licence == "generated"
    assert (first.name, seventh.name) == ("keyword-00000", "keyword-00006")


def test_workers_change_no_clip(params, monkeypatch):
    pytest.importorskip("espeakng_loader")
    made = []
    for workers in ("1", "3"):
        monkeypatch.setenv("FRILL_WORKERS", workers)
        clips = islice(corpora.load_clips("espeak", "keyword", validate(params)), 12)
        made.append([(clip.name, clip.samples.tobytes()) for clip in clips])
    assert made[0] == made[1]


def test_the_name_of_an_unfinished_set_changes_with_all_that_shapes_a_set_and_with_nothing_else(
    params, tmp_path
):
    def name() -> str:
        return corpora.name_unfinished("folder", "mine", validate(params))

    seen = [name()]
    assert name() == seen[0]
    params["audio"]["rejected_limit"] = 0.5
    params["distill"]["steps"] = 7
    assert name() == seen[0]
    params["audio"]["silent_dbfs"] = -60
    seen.append(name())
    params["audio"]["folder"]["mine"]["licence"] = "CC0-1.0"
    seen.append(name())
    os.utime(tmp_path / "audio/a.wav", (1, 1))
    seen.append(name())
    (tmp_path / "audio/new").mkdir()
    np.save(tmp_path / "audio/new/x.npy", np.zeros(3))
    seen.append(name())
    (tmp_path / "list.csv").write_text("path,word\na.wav,yes\n")
    seen.append(name())
    params["seed"] += 1
    seen.append(name())
    assert len(set(seen)) == len(seen)
