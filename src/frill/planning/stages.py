"""What each stage of dvc.yaml reads, writes and has to do, from params.yaml and the audio."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from frill.params.schema import TRAINS, Params
from frill.planning.audio import Set
from frill.students import cost

CLIP_BYTES_A_S = 2 * 16_000  # int16 at 16 kHz
WINDOW_BYTES = 2 * 96 * 64  # float16 log-mel
FRAME_BYTES = 4 * 64  # float32 log-mel in scratch: 96 frames of a clip's first window, then 17
CHECKPOINT_BYTES = 12  # a trained value: itself and Adam's two moments, float32
OUTPUTS = {"layer19": 12_288, "embedding": 512}  # values of TRILL's, and of the teacher made here
TRAINED_BYTES = 4 * 1_048_672  # teacher/network.py's parameters
TRILL_BYTES = 98_100_000  # model card of tfhub.dev/google/nonsemantic-speech-benchmark/frill/1
LINES = 12  # students that have a line each; more share one with those of their width


@dataclass(frozen=True)
class Stage:
    """A stage's amounts; NaN is unknown. `line` is where it is shown, `sets` what it reads.

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
    for each in sets:
        kind = f"download_{each.kind}"
        audio_s = each.seconds
        counts = (audio_s, audio_s, (each,), each.count_windows(), CLIP_BYTES_A_S * audio_s)
        yield Stage(f"{kind}@{each.name}", f"download {each.name}", kind, *counts)
    yield from _plan_targets(params, tuple(each for each in sets if each.use == "corpus"))
    yield from _plan_students(params)
    for name, device in params.devices.items():
        line = f"benchmark on {name}"
        kind = f"benchmark {device.kind}"
        yield Stage(f"benchmark_references@{name}", line, f"{kind}, references", device.measures_s)
        for student in params.students:
            yield Stage(f"benchmark@{student}-{name}", line, kind, device.measures_s)
    yield from _plan_evaluation(params, tuple(each for each in sets if each.use == "task"))
    costs = [cost.cost_student(params, student) for student in params.students.values()]
    files = [own["file_bytes"] for own in costs]
    fitting = [size for size in files if size <= (params.selection.file_bytes or np.inf)] or files
    line = "frontier, release, report, track"
    yield Stage("release", line, "release", disk_bytes=3 * max(fitting))
    for name in ("frontier", "report", "track"):
        yield Stage(name, line, name)


def _plan_targets(params: Params, corpora: tuple[Set, ...]) -> Iterator[Stage]:
    source = params.teacher.source
    settings = params.targets
    if source == TRAINS:
        seen = params.teacher.training.steps * params.teacher.training.batch_windows
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
    kind = f"targets of {source}"
    yield Stage("targets", "targets", kind, windows, 1, corpora, windows, disk_bytes)


def find_values(params: Params) -> tuple[float, float]:
    """Return the values of a target and of the teacher's output; NaN: unknown."""
    source = params.teacher.source
    is_known = source == TRAINS or "/trill/" in source
    values = OUTPUTS.get(params.teacher.output, np.nan) if is_known else np.nan
    return float(np.fmin(values, params.targets.projection or np.nan)), values


def _plan_students(params: Params) -> Iterator[Stage]:
    values = np.nan_to_num(find_values(params)[0])
    bottleneck = params.distill.bottleneck
    for name, student in params.students.items():
        own = cost.cost_student(params, student)
        line = name if len(params.students) <= LINES else f"{student.backbone} {student.width:g}"
        steps, starts = _share(params, name)
        windows = steps * params.distill.batch_windows
        adds = own["multiply_adds"] + bottleneck * values  # and the head's
        trained = own["parameters"] + (bottleneck + 1) * values
        disk_bytes = 4 * (own["parameters"] * student.seeds + trained * starts)
        checkpoints_bytes = CHECKPOINT_BYTES * trained * (student.seeds + 1)
        counts = (windows * adds, adds, (), windows, disk_bytes, checkpoints_bytes)
        yield Stage(f"distill@{name}", f"distill {line}", "distill", *counts)
    control_bytes = cost.count_network("small", 1.0, 2048)["weight_bytes"]
    yield Stage("controls", "convert", "controls", disk_bytes=control_bytes)
    for name, student in params.students.items():
        own = cost.cost_student(params, student)
        others = student.files - student.seeds  # in float32, beside a quantised one
        disk_bytes = student.seeds * own["file_bytes"] + others * 4 * own["parameters"]
        counts = (student.files, own["multiply_adds"])  # a large file takes little longer
        yield Stage(f"convert@{name}", "convert", "convert", *counts, disk_bytes=disk_bytes)


def _share(params: Params, name: str) -> tuple[float, int]:
    """Return a student's steps, all seeds', without dense ones that a student before it has
    trained; and how many dense starts it keeps.
    """
    own = params.students[name]
    names = list(params.students)
    before = [params.students[each] for each in names[: names.index(name)]]
    others = [student for each, student in params.students.items() if each != name]
    done = max((each.seeds for each in before if each.begins(own)), default=0)
    shared = params.distill.ship_from * min(done, own.seeds)
    kept = own.seeds if any(map(own.begins, others)) else 0
    return params.distill.steps * (own.seeds - shared), max(0, kept - done)


def _plan_evaluation(params: Params, tasks: tuple[Set, ...]) -> Iterator[Stage]:
    kind = f"evaluate {params.noss.protocol} {params.noss.forests}"
    clips = sum(each.clips for each in tasks)
    windows = sum(each.count_windows() for each in tasks)
    pooled = 2 if params.noss.pooling == "mean+max" else 1
    values = pooled * params.distill.bottleneck
    for name, student in params.students.items():
        files = student.files
        adds = cost.cost_student(params, student)["multiply_adds"]
        work = files * (windows * adds + clips * values**2)  # and a covariance, for the probes
        counts = (work, adds, tasks, files * windows, 4 * values * clips * files)
        yield Stage(f"evaluate@{name}", "evaluate students", kind, *counts)
    embedded = np.nan_to_num(pooled * find_values(params)[1]) + values
    disk_bytes = 4 * embedded * clips + FRAME_BYTES * (17 * windows + 79 * clips)
    line = "evaluate references"
    counts = (windows, 1, tasks, windows)
    yield Stage("evaluate_references", line, f"{kind} {params.teacher.source}", *counts, disk_bytes)
    for name, spec in params.baselines.items():
        yield Stage(f"evaluate_baseline@{name}", line, f"{kind} {spec.source}", *counts, np.nan)
