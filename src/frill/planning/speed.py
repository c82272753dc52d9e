"""How fast this machine does what the stages do, measured in seconds: the one part of `frill plan` that computes anything.

Each measurement is a piece of the stage's own code on a piece of its work. What a GPU does, TensorFlow's measurements show; the rest is the CPU's.
"""

import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, time

import numpy as np
import soundfile

from frill import frontend
from frill.audio import SAMPLE_RATE_HZ
from frill.audio_files import read_audio
from frill.params import Noss, Params, Student
from frill.planning.students import cost
from frill.progress import progress

BUDGET_S = 15.0  # once so much is spent, nothing is measured that the rest can stand in for
CLIPS = 3  # synthetic clips of each set
PROBE_CLIPS, PROBE_CLASSES, PROBE_VALUES = 480, 8, 2048
MEASURED_BATCH = 64  # windows of a measured step, at most: 512 of a large student would take minutes


@dataclass
class Speeds:
    """Seconds for each unit of work; None or missing: not measured here. `threads` are those that TensorFlow had."""

    threads: int = 1
    log_mel_window_s: float | None = None  # one core
    read_s: float | None = None  # a second of 44.1 kHz audio from a FLAC file to 16 kHz, one core
    spoken_clip_s: dict[str, float] = field(default_factory=dict)  # a clip of a synthetic set, one core
    gram_add_s: float | None = None  # a multiply-add of a large float32 product, all threads
    start_s: float | None = None  # importing TensorFlow in a new process
    teacher_window_s: float | None = None  # with its frontend
    teacher_values: int | None = None
    teacher_bytes: int | None = None
    teacher_note: str = ""
    trainings: dict[str, "Step"] = field(default_factory=dict)  # students that were trained for a few steps
    convert_block_s: float | None = None  # a student's conversion, divided by its blocks
    invocations: dict[str, tuple[Student, float]] = field(default_factory=dict)  # LiteRT, one window on one core
    probe_s: float | None = None  # score_task on random embeddings of PROBE_CLIPS clips
    probe_protocols: list[str] = field(default_factory=list)  # that it was scored by
    busy: float = 0.0  # load average of other processes before, a core
    took_s: float = 0.0


@dataclass(frozen=True)
class Step:
    """A measured training step of `batch` windows, and what comes before the first: building and tracing."""

    student: Student
    batch: int
    step_s: float
    trace_s: float


def representatives(params: Params) -> list[str]:
    """Students to measure: the cheapest in multiply-adds, the dearest, the middle one."""
    dense = {name: s for name, s in params.students.items() if s.rank is None and not s.qat} or params.students
    by_cost = sorted(dense, key=lambda name: cost(dense[name], params.distill.bottleneck).multiply_adds)
    return list(dict.fromkeys([by_cost[0], by_cost[-1], by_cost[len(by_cost) // 2]]))


def measure(params: Params, target_values: int, budget_s: float = BUDGET_S) -> Speeds:
    """Everything that the plan needs, under a progress bar. `target_values` is the width of the students' heads."""
    speeds, start = Speeds(params.threads), perf_counter()
    speeds.busy = os.getloadavg()[0] / (os.cpu_count() or 1)
    _tensorflow(speeds, params)  # first: what follows imports it too
    cheap, *others = representatives(params)

    def in_time(run: Callable[[str], None], name: str, always: bool) -> Callable[[], None]:
        return lambda: run(name) if always or perf_counter() - start < budget_s else None

    def train(name: str) -> None:
        speeds.trainings[name] = training_step(params, params.students[name], target_values)

    def convert_and_run(name: str) -> None:
        _litert(speeds, params, name)

    tasks: list[tuple[str, Callable[[], None]]] = [
        ("log-mel, audio files, products", lambda: _small(speeds, params.threads)),
        ("speech synthesis", lambda: _speech(speeds, params)),
        ("probes", lambda: _probes(speeds, params)),
        ("teacher", lambda: _teacher(speeds, params)),
        *((f"training {name}", in_time(train, name, True)) for name in (cheap, *others[:1])),
        *((f"running {name}", in_time(convert_and_run, name, name == cheap)) for name in (cheap, *others[:1])),
        *((f"training {name}", in_time(train, name, False)) for name in others[1:]),
    ]
    with progress(tasks, "measuring", len(tasks), "part") as bar:
        for label, run in bar:
            bar.set_postfix_str(label)
            run()
    speeds.took_s = perf_counter() - start
    return speeds


def once_s(run: Callable[[], object], least_s: float = 0.1) -> float:
    """Seconds of one call: the least of those that fit into `least_s`, after one that does not count."""
    run()
    times, end = [], perf_counter() + least_s
    while not times or perf_counter() < end:
        begin = perf_counter()
        run()
        times.append(perf_counter() - begin)
    return min(times)


def _small(speeds: Speeds, threads: int) -> None:
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(0)
    samples = rng.integers(-9999, 9999, 10 * SAMPLE_RATE_HZ).astype(np.int16)
    with threadpool_limits(1):
        speeds.log_mel_window_s = once_s(lambda: frontend.windows(samples)) / frontend.window_count(len(samples))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "audio.flac")
        soundfile.write(path, rng.uniform(-0.3, 0.3, (5 * 44100, 2)), 44100)
        speeds.read_s = once_s(lambda: read_audio(path)) / 5
    matrix = rng.standard_normal((1024, 1024)).astype(np.float32)
    with threadpool_limits(threads):
        speeds.gram_add_s = once_s(lambda: matrix @ matrix) / 1024**3


def _speech(speeds: Speeds, params: Params) -> None:
    """CLIPS of each synthetic set in this process; without the synthesiser's wheel nothing is known."""
    if not params.audio.espeak:
        return
    from frill.corpora import synthetic
    from frill.corpora.espeak import EspeakMissing

    try:
        for spec in {spec.set: spec for spec in params.audio.espeak.values()}.values():
            clips = synthetic.clips(spec.set, params.seed, spec.hours, spec.clips)
            next(clips)  # loads texts and libraries
            begin = perf_counter()
            made = sum(1 for _ in _first(clips, CLIPS if spec.hours is None else 4 * CLIPS))
            speeds.spoken_clip_s[spec.set] = (perf_counter() - begin) / made
    except EspeakMissing:
        return


def _first(items: Iterable, count: int) -> Iterable:
    return (item for item, _ in zip(items, range(count), strict=False))


def _probes(speeds: Speeds, params: Params) -> None:
    probe_time_s(params.noss, params.seed, PROBE_CLIPS // 8, PROBE_VALUES // 8)  # imports, thread pools
    speeds.probe_s, speeds.probe_protocols = probe_time_s(params.noss, params.seed), params.noss.protocol


def probe_time_s(noss: Noss, seed: int, clips: int = PROBE_CLIPS, values: int = PROBE_VALUES) -> float:
    """Scoring one small task of random embeddings by the protocols of params.yaml, forests apart."""
    from frill.noss.score import score_task

    rng = np.random.default_rng(seed)
    labels = np.arange(clips) // 4 % PROBE_CLASSES
    rows = [
        {"clip": str(i), "label": str(label), "speaker": f"s{i % 24}", "fold": "", "split": ("train", "validation", "test", "train")[i % 4]}
        for i, label in enumerate(labels)
    ]
    centres = rng.standard_normal((PROBE_CLASSES, values))
    x = (centres[labels] + 6 * rng.standard_normal((clips, values))).astype(np.float32)
    begin = perf_counter()
    score_task(x, rows, noss.model_copy(update={"forests": 0}), seed)
    return perf_counter() - begin


def _tensorflow(speeds: Speeds, params: Params) -> None:
    begin = time()
    from frill import tensorflow_setup

    tensorflow_setup.set_up(params.threads, params.seed)
    from frill import distill, tflite  # noqa: F401 - their imports take seconds and belong to each stage's start

    speeds.start_s = time() - begin


def _teacher(speeds: Speeds, params: Params) -> None:
    from frill.planning import teacher as plan_teacher

    plan_teacher.measure(speeds, params.teacher)


def training_step(params: Params, student: Student, target_values: int, steps: int = 4) -> Step:
    """The stage's own training on random windows, its first step (which traces) apart."""
    from frill.distill import Distillation
    from frill.students.build import StudentSpec
    from frill.target_store import Projection

    batch = min(params.distill.batch_windows, MEASURED_BATCH)
    spec = StudentSpec(student.backbone, student.width, student.pooling, None, False, params.distill.bottleneck)
    settings = params.distill.model_copy(update={"batch_windows": batch, "steps": 100})
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for split in ("train", "validation"):
            np.save(folder / f"{split}-windows.npy", rng.standard_normal((batch, frontend.WINDOW_FRAMES, frontend.MEL_BANDS)).astype(np.float16))
            np.save(folder / f"{split}-targets.npy", rng.standard_normal((batch, target_values)).astype(np.float16))
        zeros, ones = np.zeros(target_values, np.float32), np.ones(target_values, np.float32)
        Projection(zeros, None, ones, 0.0).save(folder / "projection.npz")
        begin = perf_counter()
        training = Distillation(spec, settings, folder, params.seed, folder / "scratch")
        training.start()
        losses = training.losses(steps + 2)
        next(losses)
        trace_s = perf_counter() - begin
        next(losses)
        times = []
        for _ in range(steps):
            begin = perf_counter()
            next(losses)
            times.append(perf_counter() - begin)
        losses.close()
    return Step(student, batch, min(times), max(0.0, trace_s - min(times)))


def _litert(speeds: Speeds, params: Params, name: str) -> None:
    """Converts the student with random weights and runs it."""
    from frill import tflite
    from frill.embedder import Embedder
    from frill.students.build import StudentSpec, build

    student = params.students[name]
    spec = StudentSpec(student.backbone, student.width, student.pooling, None, False, params.distill.bottleneck)
    begin = perf_counter()
    content = tflite.convert(build(spec, None), "float32", qat=False)
    speeds.convert_block_s = (perf_counter() - begin) / cost(student, params.distill.bottleneck).blocks
    windows = np.random.default_rng(0).standard_normal((8, frontend.WINDOW_FRAMES, frontend.MEL_BANDS)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.tflite")
        path.write_bytes(content)
        embedder = Embedder(path)
        speeds.invocations[name] = (student, once_s(lambda: embedder.embed_windows(windows)) / len(windows))
