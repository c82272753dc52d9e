"""Fixtures of several tests.

frill.tensorflow_setup chooses legacy Keras before anything imports TensorFlow.
"""

import copy
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
import yaml
from browser import chromium, visit, web_runtime  # noqa: F401  fixtures
from examples import STORE_SAMPLES, speechlike, write_clips, write_target_store
from filelock import FileLock
from pipeline_project import ROOT, Project, miniature

from frill import tensorflow_setup
from frill.audio.clips import Clip, ClipStore
from frill.noss import embed, log_mels

# A time in seconds since 1970 after which no slow test begins: .ci/run sets it.
SLOW_UNTIL = float(os.environ["FRILL_SLOW_UNTIL"]) if "FRILL_SLOW_UNTIL" in os.environ else None

tensorflow_setup.set_up(threads=2, seed=17, onednn=1)
# A shell's background job ignores it, and so would all that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def _default() -> dict:
    return yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.fixture
def default(_default) -> dict:
    """Return the default params.yaml, parsed and free to be changed."""
    return copy.deepcopy(_default)


def pytest_collection_modifyitems(items) -> None:
    """Put the longest tests first, so that the processes that share them end together.

    Before them stand two that make a project each at the same time. Where there is a time after
    which no slow test begins, the longest stand last: more tests run before it.
    """
    first = ("test_same_lock.py", "test_remotes.py")
    long = (
        "test_in_the_graph.py",
        "test_tracking_server.py",
        "test_faults.py",
        "test_jobs.py",
        "test_distill.py",
    )

    def rank(item) -> tuple[bool, ...]:
        name = item.path.name
        return (name not in first, "pipeline" not in item.path.parts, name not in long)

    items.sort(key=rank, reverse=SLOW_UNTIL is not None)


def pytest_runtest_setup(item) -> None:
    """Skip a slow test that would begin after the time that CI has for tests."""
    if SLOW_UNTIL is not None and time.time() > SLOW_UNTIL and item.get_closest_marker("slow"):
        pytest.skip("CI's time for slow tests is over on this machine: make test-all runs them")


@pytest.fixture(scope="session")
def _reproduced(tmp_path_factory, worker_id) -> Project:
    """Make the miniature in the process that needs it first; others wait for it."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "miniature"
    with FileLock(f"{folder}.lock"):
        if folder.exists():
            project = Project.at(folder)
        else:
            new = folder.with_suffix(".new")
            shutil.rmtree(new, ignore_errors=True)  # of a process that failed at it
            project = Project(new, miniature())
            project.repro()
            project.folder = new.rename(folder)
    return project


@pytest.fixture(scope="module")
def reproduced(_reproduced, tmp_path_factory) -> Project:
    """Return a copy of the miniature project after a first `dvc repro`, for one file's tests.

    They leave its params as they were.
    """
    project = _reproduced.copy(tmp_path_factory.mktemp("copy") / "frill")
    assert project.repro("track/dvc.yaml") == ["track"]
    return project


@pytest.fixture(scope="session")
def targets(tmp_path_factory) -> Path:
    """Write a small target store."""
    return write_target_store(tmp_path_factory.mktemp("store") / "targets")


@pytest.fixture
def store(tmp_path, monkeypatch) -> ClipStore:
    """Write clips of STORE_SAMPLES; what scoring keeps of them lies beside."""
    monkeypatch.setattr(embed, "FOLDER", tmp_path / "embeddings")
    monkeypatch.setattr(log_mels, "FOLDER", tmp_path / "log_mel")
    clips = []
    for i, length in enumerate(STORE_SAMPLES):
        clips.append(Clip(f"c{i}", speechlike(length, i), label="x"))
    write_clips(tmp_path / "task", clips)
    return ClipStore(tmp_path / "task")


@pytest.fixture(scope="module")
def short_backbone():
    """Cut `tiny` to its first two blocks: it traces and converts ten times faster."""
    with pytest.MonkeyPatch.context() as patch:
        from frill.students import mobilenet_v3

        patch.setitem(mobilenet_v3.BACKBONES, "tiny", (mobilenet_v3.TINY[:2], 128))
        yield


@pytest.fixture(scope="session")
def pooling_models(tmp_path_factory) -> tuple[Path, Path]:
    """Make two .tflite files of windows, a cheap and a dear one, of two convolutions each."""
    import tensorflow as tf
    import tf_keras as keras

    paths = []
    for name, channels in (("cheap", 2), ("dear", 256)):
        keras.utils.set_random_seed(17)  # the same weights whichever tests ran before
        inputs = keras.Input((96, 64, 1))
        x = keras.layers.Conv2D(channels, 3, padding="same")(inputs)
        x = keras.layers.Conv2D(8, 3, strides=8)(x)
        model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))
        spec = tf.TensorSpec([1, 96, 64, 1], tf.float32)
        call = tf.function(lambda x, model=model: model(x), input_signature=[spec])
        concrete = call.get_concrete_function()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], model)
        path = tmp_path_factory.mktemp("tflite") / f"{name}.tflite"
        path.write_bytes(converter.convert())
        paths.append(path)
    return tuple(paths)
