"""The whole of a head: from labelled clips to files and what was measured."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from threadpoolctl import threadpool_limits

from frill.audio.clips import ClipStore
from frill.device import host
from frill.device.identity import read_host
from frill.head.clips import check_classes
from frill.head.features import compute_features
from frill.head.fit import Trials, fit_head
from frill.head.folds import split_clips
from frill.head.measure import Measured, measure_head
from frill.head.source import Source
from frill.head.write import PARITY_CLIPS, Paths, check_parity, write_models, write_texts
from frill.params.devices import HostDevice

TIMING = HostDevice(kind="host", threads=1, rounds=10, round_ms=60, cadence_runs=1)


@dataclass(frozen=True)
class Made:
    """What was made. `values` is what the card says beside what was measured."""

    labels: list[str]
    measured: Measured
    setting: str
    threshold: float
    values: dict


def make_head(store: ClipStore, name: str, source: Source, paths: Paths, seed: int) -> Made:
    """Fit, measure and write a head of a store's labelled clips; `name` is theirs in sentences.

    Raises UserError for clips that no head can be fitted to.
    """
    rows = list(store.rows)
    check_classes(rows, name)
    splits, held_out = split_clips(rows, name, seed)
    labels = sorted({row["label"] for row in rows})
    y = np.array([labels.index(row["label"]) for row in rows])
    with TemporaryDirectory(prefix="frill-") as folder:
        embedder = Path(folder, "embedder.tflite")
        embedder.write_bytes(source.any_length)
        second = Path(folder, "embedder_1s.tflite")
        second.write_bytes(source.second)
        features = compute_features(embedder, store)
        # Sums depend on BLAS's threads, and these matrices are small.
        with threadpool_limits(1):
            trials = Trials(features, y, splits, len(labels))
            head = fit_head(trials)
            measured = measure_head(trials, features, rows, seed)
        write_models(head, labels, measured, source, paths)
        step = max(1, len(store) // PARITY_CLIPS)
        chosen = list(range(0, len(store), step))[:PARITY_CLIPS]
        clips = [store.samples(index) for index in chosen]
        parity = check_parity(head, (embedder, second), clips, paths)
        latency = host.measure(paths.second, second, TIMING) | {"identity": read_host()}
    file_bytes = paths.any_length.stat().st_size
    values = {
        "model": source.about,
        "model_sha256": hashlib.sha256(source.any_length).hexdigest(),
        "synthetic": source.synthetic,
        "origin": name,
        "held_out": held_out,
        "folds": len(splits),
        "train_share": len(splits[0].train) / len(rows),
        "clips": len(rows),
        "fitted_clips": len(rows) if len(splits) > 1 else len(splits[0].train),
        "fewest": min(Counter(row["label"] for row in rows).values()),
        "audio_s": round(sum(float(row["seconds"]) for row in rows), 3),
        "speakers": len({row["speaker"] for row in rows} - {""}),
        "licences": ", ".join(sorted({row["licence"] for row in rows})),
        "file_bytes": file_bytes,
        "second_bytes": paths.second.stat().st_size,
        "head_bytes": file_bytes - len(source.any_length),
        "parity": parity,
        "parity_clips": len(clips),
        "latency": latency,
    }
    write_texts(head, labels, measured, values, paths)
    return Made(labels, measured, head.decision.setting, head.decision.threshold, values)
