"""What each stage of dvc.yaml reads, writes and has to do, from params.yaml and the audio."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from frill.params.schema import TRAINS, Params, Student
from frill.planning.audio import Set

CLIP_BYTES_A_S = 2 * 16_000  # int16 at 16 kHz
WINDOW_BYTES = 2 * 96 * 64  # float16 log-mel
FRAME_BYTES = 4 * 64  # float32 log-mel in scratch: 96 frames of a clip's first window, then 17
CHECKPOINT_BYTES = 12  # a trained value: itself and Adam's two moments, float32
WEIGHT_BYTES = {"float32": 4, "float16": 2, "dynamic": 1, "int8": 1}  # by precision
MAP_POSITIONS = 6  # 3 x 2 of a student's last map, which flatten keeps and gap averages
OUTPUTS = {"layer19": 12_288, "embedding": 512}  # values of TRILL's, and of the teacher made here
TRAINED_BYTES = 4 * 1_048_672  # teacher/network.py's parameters
TRILL_BYTES = 98_100_000  # model card of tfhub.dev/google/nonsemantic-speech-benchmark/frill/1
LINES = 12  # students that have a line each; more share one with those of their width


@dataclass(frozen=True)
class Stage:
    """Hold a stage's amounts; NaN is unknown. `line` is where it is shown, `sets` what it reads.

    Stages of a `kind` take a time in proportion to `work`; `size` tells which are most alike.
    `transient_bytes` are gone when it has succeeded.
    """

    name: str
    line: str
    kind: str
    work: float = 1.0
    size: float = 1.0
    sets: tuple[Set, ...] = ()
    windows: float = 0
    disk_bytes: float = 0
    transient_bytes: float = 0


def plan_stages(params: Params, sets: list[Set]) -> Iterator[Stage]:
    """Yield every stage that `dvc repro` would run on an empty project, in order."""
    corpora = tuple(each for each in sets if each.use == "corpus")
    tasks = tuple(each for each in sets if each.use == "task")
    for each in sets:
        kind, line, audio_s = f"download_{each.kind}", f"download {each.name}", each.seconds
        counts = each.count_windows(), CLIP_BYTES_A_S * audio_s
        yield Stage(f"{kind}@{each.name}", line, kind, audio_s, audio_s, (each,), *counts)
    yield from _plan_targets(params, corpora)
    yield from _plan_students(params)
    for name, device in params.devices.items():
        line, kind, time_s = f"benchmark on {name}", f"benchmark {device.kind}", device.measures_s
        yield Stage(f"benchmark_references@{name}", line, f"{kind}, references", time_s)
        for student in params.students:
            yield Stage(f"benchmark@{student}-{name}", line, kind, time_s)
    yield from _plan_evaluation(params, tasks)
    files = [cost_student(params, student)["file_bytes"] for student in params.students.values()]
    budget_bytes = params.selection.file_bytes or np.inf
    fitting = [size for size in files if size <= budget_bytes] or files
    line = "frontier, release, report, track"
    yield Stage("release", line, "release", disk_bytes=3 * max(fitting))
    for name in ("frontier", "report", "track"):
        yield Stage(name, line, name)


def _plan_targets(params: Params, corpora: tuple[Set, ...]) -> Iterator[Stage]:
    source, training, settings = params.teacher.source, params.teacher.training, params.targets
    if source == TRAINS:
        seen = training.steps * training.batch_windows
        yield Stage("teacher", "teacher", source, seen, 1, corpora, seen, 2 * TRAINED_BYTES)
    else:
        files = [path.stat().st_size for path in Path(source).rglob("*") if path.is_file()]
        size_bytes = TRILL_BYTES if "/trill/" in source else sum(files) or np.nan
        yield Stage("teacher", "teacher", source, disk_bytes=2 * size_bytes)
    kept = sum(each.count_windows(settings.windows_per_clip) for each in corpora)
    windows = kept * (1 + settings.augmented_copies * (1 - settings.validation_share))
    values, of = find_values(params)
    projection = values * of if settings.projection else 0
    projection_bytes = 4 * (np.nan_to_num(projection + of) + values)
    disk_bytes = windows * (WINDOW_BYTES + 2 * values) + projection_bytes
    counts = 1, corpora, windows, disk_bytes
    yield Stage("targets", "targets", f"targets of {source}", windows, *counts)


def find_values(params: Params) -> tuple[float, float]:
    """Return the values of a target and of the teacher's output; NaN: unknown."""
    source, values = params.teacher.source, np.nan
    if source == TRAINS or "/trill/" in source:
        values = OUTPUTS.get(params.teacher.output, np.nan)
    return float(np.fmin(values, params.targets.projection or np.nan)), values


def _plan_students(params: Params) -> Iterator[Stage]:
    values, bottleneck = np.nan_to_num(find_values(params)[0]), params.distill.bottleneck
    for name, student in params.students.items():
        own = cost_student(params, student)
        line = name if len(params.students) <= LINES else f"{student.backbone} {student.width:g}"
        windows = params.distill.steps * params.distill.batch_windows * student.seeds
        adds = own["multiply_adds"] + bottleneck * values  # and the head's
        trained = own["parameters"] + (bottleneck + 1) * values
        disk_bytes = 4 * own["parameters"] * student.seeds
        counts = (), windows, disk_bytes, CHECKPOINT_BYTES * trained * (student.seeds + 1)
        yield Stage(f"distill@{name}", f"distill {line}", "distill", windows * adds, adds, *counts)
    control_bytes = count_network("small", 1.0, 2048)["weight_bytes"]
    yield Stage("controls", "convert", "controls", disk_bytes=control_bytes)
    for name, student in params.students.items():
        own = cost_student(params, student)
        others = student.files - student.seeds  # in float32, beside a quantised one
        disk_bytes = student.seeds * own["file_bytes"] + others * 4 * own["parameters"]
        counts = student.files, own["multiply_adds"]  # a large file takes little longer
        yield Stage(f"convert@{name}", "convert", "convert", *counts, disk_bytes=disk_bytes)


def cost_student(params: Params, student: Student) -> dict[str, int]:
    """Return what students.build.count gives, and the .tflite's bytes within a few per cent."""
    bottleneck = params.distill.bottleneck
    plain = count_network(student.backbone, student.width, bottleneck)
    channels = plain["bottleneck_bytes"] // 4 // bottleneck - 1  # one row is the bias
    pooled = channels if student.pooling == "gap" else MAP_POSITIONS * channels
    kernels = pooled * bottleneck
    if student.rank is not None:
        kernels = min(student.rank, pooled, bottleneck) * (pooled + bottleneck)
    added = kernels - channels * bottleneck
    weights = plain["weight_bytes"] // 4 + added  # without what batch norm folds away
    qat_bytes = 4 * weights - 3 * kernels * student.qat
    return {
        "parameters": plain["parameters"] + added,
        "multiply_adds": plain["multiply_adds"] + added,
        "file_bytes": min(qat_bytes, WEIGHT_BYTES[student.precision] * weights),
    }


@cache
def count_network(backbone: str, width: float, bottleneck: int) -> dict[str, int]:
    """Return the counts of the plainest student: pooling, rank and qat change its end alone."""
    from frill import tensorflow_setup  # noqa: F401 - before Keras; never for a bad params.yaml
    from frill.students.build import StudentSpec, count

    return count(StudentSpec(backbone, width, "gap", None, False, bottleneck))


def _plan_evaluation(params: Params, tasks: tuple[Set, ...]) -> Iterator[Stage]:
    kind = f"evaluate {params.noss.protocol} {params.noss.forests}"
    clips = sum(each.clips for each in tasks)
    windows = sum(each.count_windows() for each in tasks)
    pooled = 2 if params.noss.pooling == "mean+max" else 1
    values = pooled * params.distill.bottleneck
    for name, student in params.students.items():
        files, adds = student.files, cost_student(params, student)["multiply_adds"]
        work = files * (windows * adds + clips * values**2)  # and a covariance, for the probes
        counts = work, adds, tasks, files * windows, 4 * values * clips * files
        yield Stage(f"evaluate@{name}", "evaluate students", kind, *counts)
    embedded = np.nan_to_num(pooled * find_values(params)[1]) + values
    disk_bytes = 4 * embedded * clips + FRAME_BYTES * (17 * windows + 79 * clips)
    line, counts = "evaluate references", (windows, 1, tasks, windows)
    yield Stage("evaluate_references", line, f"{kind} {params.teacher.source}", *counts, disk_bytes)
    for name, spec in params.baselines.items():
        yield Stage(f"evaluate_baseline@{name}", line, f"{kind} {spec.source}", *counts, np.nan)
