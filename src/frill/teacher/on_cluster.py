"""A teacher that runs on a Ray cluster: chunk by chunk, each batched as on one machine."""

import io
import tarfile
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import repeat
from pathlib import Path

import numpy as np

from frill import tensorflow_setup
from frill.engine import cluster_map, maps_over_cluster
from frill.params import Params
from frill.teacher import parts
from frill.teacher.saved_model import Teacher

Clips = list[tuple[np.ndarray, np.ndarray | None]]  # samples int16 [samples], wanted positions


def load_teacher(folder: Path, params: Params) -> Teacher:
    """The teacher, on this machine or on the cluster, as `engine` says."""
    if maps_over_cluster(params):
        return ClusterTeacher(folder, params.teacher.output, params.threads, params.seed)
    return Teacher(folder, params.teacher.output)


class ClusterTeacher(Teacher):
    """Gives what Teacher gives, which runs on every node. `threads` and `seed` are those of params.yaml."""

    def __init__(self, folder: Path, output: str, threads: int, seed: int):
        super().__init__(folder, output)
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as archive:
            archive.add(folder, ".")
        self._model = (content.getvalue(), output, threads, seed)

    def embed(self, clips: Iterable[np.ndarray], positions: Iterable[np.ndarray | None] | None = None) -> Iterator[np.ndarray]:
        chunks = self._chunks(zip(clips, repeat(None) if positions is None else positions, strict=False))
        for values in cluster_map(embed_chunk, chunks, self._model, cpus=self._model[2], gpu=True):
            yield from values

    def _chunks(self, clips: Iterable[tuple[np.ndarray, np.ndarray | None]]) -> Iterator[Clips]:
        """Cut where Teacher.embed cuts: parts are batched within a chunk, and a clip's last bits depend on its batch."""
        cut = parts.contexts if self.level == "clip" else parts.cut
        taken: deque[tuple[np.ndarray, np.ndarray | None]] = deque()

        def cutting() -> Iterator[list[parts.Part]]:
            for clip in clips:
                taken.append(clip)
                yield cut(*clip)

        for chunk in parts.chunks(cutting()):
            yield [taken.popleft() for _ in chunk]


def embed_chunk(chunk: Clips, model: tuple[bytes, str, int, int]) -> list[np.ndarray]:
    """On a node: what the teacher gives for the clips of one chunk."""
    return list(_teacher(*model).embed(*zip(*chunk, strict=True)))


@cache
def _teacher(content: bytes, output: str, threads: int, seed: int) -> Teacher:
    tensorflow_setup.set_up(threads, seed)
    with tempfile.TemporaryDirectory() as folder:
        tarfile.open(fileobj=io.BytesIO(content)).extractall(folder, filter="data")
        return Teacher(Path(folder), output)
