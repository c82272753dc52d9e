"""`engine: ray`: what a real cluster of two nodes computes is what this machine computes, bit for bit."""

import os

import numpy as np
import pytest
from examples import speechlike
from ray_nodes import two_nodes

from frill import engine
from frill.errors import UserError
from frill.noss import embed, on_cluster, run
from frill.params import validate
from frill.teacher import parts
from frill.teacher.on_cluster import ClusterTeacher
from frill.teacher.saved_model import Teacher, export

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def cluster():
    import ray

    with two_nodes(2) as cluster:
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        yield cluster
        ray.shutdown()


def test_a_teacher_on_the_cluster_gives_the_same_bits(cluster, tmp_path, monkeypatch):
    """Clips of 0.3 to 4 s in chunks of 30 s: cut elsewhere, they would be batched and padded otherwise."""
    import tf_keras as keras

    keras.utils.set_random_seed(17)
    inputs = keras.Input((96, 64, 1))
    x = keras.layers.Conv2D(8, 5, strides=4, activation="relu")(inputs)
    export(keras.Model(inputs, {"layer19": keras.layers.Dense(24)(keras.layers.Flatten()(x))}), tmp_path / "teacher")
    monkeypatch.setattr(parts, "CHUNK_SAMPLES", 30 * 16000)
    lengths = np.random.default_rng(17).integers(4800, 64000, 40)
    clips = [speechlike(int(length), index) for index, length in enumerate(lengths)]
    positions = [None if index % 3 else np.array([0]) for index in range(len(clips))]
    here = list(Teacher(tmp_path / "teacher", "layer19").embed(clips, positions))
    there = list(ClusterTeacher(tmp_path / "teacher", "layer19", 2, 17).embed(clips, positions))
    assert [rows.tobytes() for rows in there] == [rows.tobytes() for rows in here]


def test_a_student_on_the_cluster_gives_the_same_bits(cluster, store, pooling_models, monkeypatch, tmp_path):
    monkeypatch.setattr(on_cluster, "SHARD_CLIPS", 2)
    here = embed.embed_tflite(pooling_models[0], store, "mean+max", 2)
    monkeypatch.setattr(embed, "FOLDER", tmp_path / "other")  # nothing is kept there yet
    there = on_cluster.embed_tflite(pooling_models[0], store, "mean+max", 2)
    assert there.tobytes() == here.tobytes() and there.shape == (5, 16)


@pytest.fixture
def tasks(default) -> list[tuple]:
    """Two tasks of 120 clips with three classes, eight values each."""
    rng, rows, tasks = np.random.default_rng(17), [], []
    for index in range(120):
        split = ("train", "validation", "test")[index % 3]
        rows.append({"label": "abc"[index // 3 % 3], "speaker": f"s{index % 9}", "split": split, "fold": ""})
    for name in ("one", "two"):
        x = rng.normal(size=(120, 8)) + np.array([ord(row["label"]) for row in rows])[:, None] * rng.normal(size=8)
        tasks.append((name, x.astype(np.float32), rows))
    return tasks


def test_tasks_are_scored_alike(cluster, default, tasks):
    here, there = (
        [*run._score_tasks([(*task, p) for task in tasks], p)] for p in (validate(default | {"engine": name}) for name in ("processes", "ray"))
    )
    assert there == here and len(here) == 2


def test_stages_of_a_sweep_do_not_wait_for_the_cluster_they_fill(default, monkeypatch):
    params = validate(default | {"engine": "ray"})
    assert engine.maps_over_cluster(params)
    monkeypatch.setenv(engine.INSIDE, "1")
    assert not engine.maps_over_cluster(params)


def test_work_that_needs_no_gpu_sees_none(cluster):
    assert list(engine.cluster_map(os.getenv, ["CUDA_VISIBLE_DEVICES"])) == ["-1"]


def test_a_cluster_that_is_not_there_is_one_sentence(monkeypatch):
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("RAY_ADDRESS", "127.0.0.1:1")
        elsewhere.setattr("ray.is_initialized", lambda: False)
        with pytest.raises(UserError, match="engine: ray: no Ray cluster at 127.0.0.1:1: .*refused"):
            list(engine.cluster_map(str, [1]))


def test_what_a_cluster_cannot_do_is_one_sentence(cluster, monkeypatch):
    with pytest.raises(UserError, match="engine: ray: no node of the cluster has 64 CPUs"):
        list(engine.cluster_map(str, [1], cpus=64))
    monkeypatch.setattr(engine, "package_hash", lambda: "another")
    with pytest.raises(UserError, match="a node of the cluster has another version of frill; check out the same commit there"):
        list(engine.cluster_map(str, [1]))
