"""The lines of the plan: what each stage of dvc.yaml reads, writes and takes, from amounts, speeds and params.yaml."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from frill.params import TRAINS, Params, Student
from frill.planning.amount import COMPUTED, MEASURED, Amount
from frill.planning.audio import Set
from frill.planning.cost import CALLS, LIGHT_START_S, POOL_START_S, benchmark_s, cores, distill_s, invocation_s, probes_s
from frill.planning.speed import Speeds
from frill.planning.students import CHECKPOINT_BYTES, cost
from frill.targets import SAMPLE_WINDOWS

STORE_BYTES_A_S = 2 * 16_000  # int16 at 16 kHz
WINDOW_BYTES = 2 * 96 * 64  # float16 log-mel
FRAME_BYTES = 4 * 64  # float32 log-mel of one frame, in scratch
CONTROL = Student(backbone="small", width=1.0, pooling="gap", rank="none", qat=0, precision="float32", seeds=1)
LINES = 12  # students that have a line each; more share one with those of their backbone and width
LOGMEL_VALUES = 128
GUESSED_VALUES = 1024  # of a target, to measure with, where the teacher's are not known yet
LAST_STAGES = ("frontier", "release", "report", "track")


@dataclass
class Row:
    """A line of the plan. None is unknown, or not a matter of this stage; `disk_bytes` stay, `transient_bytes` are gone when it has succeeded."""

    stage: str
    audio_s: float | None = None
    clips: int | None = None
    windows: int | None = None
    disk_bytes: float | None = 0
    time_s: float | None = None
    basis: list[str] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)  # names of its stages in logs/stages.jsonl
    transient_bytes: float = 0
    scratch: bool = False  # its disk_bytes are no outputs of the stage: they can be deleted

    @property
    def hears(self) -> bool:
        """Whether it reads audio, so that no audio is an unknown amount of it."""
        return not self.stage.startswith(("teacher, copied", "distill", "convert", "benchmark", LAST_STAGES[0]))


def _sum(values: Iterable[float | None]) -> float | None:
    values = list(values)
    return None if any(value is None for value in values) else sum(values)


def _product(*factors: float | None) -> float | None:
    result = 1.0
    for factor in factors:
        if factor is None:
            return None
        result *= factor
    return result


def audio_of(amounts: list[Amount | None], most: int | None = None) -> tuple[float | None, int | None, int | None]:
    """Seconds, clips and windows of several sets."""
    return tuple(_sum(value(a) if a else None for a in amounts) for value in (lambda a: a.seconds, lambda a: a.clips, lambda a: a.windows(most)))


def download(each: Set, params: Params, speeds: Speeds) -> Row:
    """One set -> its clip store. Speech is made on all cores, files are read on one."""
    row = Row(f"download {each.name}", *audio_of([each.amount]), None, logged=[f"download_{each.kind}@{each.name}"])
    if each.amount is None:
        return row
    row.disk_bytes = STORE_BYTES_A_S * each.amount.seconds
    if each.kind == "espeak":
        clip_s = speeds.spoken_clip_s.get(each.spec.set)
        row.time_s = _sum([LIGHT_START_S + POOL_START_S, _product(clip_s, each.amount.clips / cores(params))])
    else:
        row.time_s = _sum([LIGHT_START_S, _product(speeds.read_s, each.amount.seconds)])
    row.basis = [each.amount.basis, MEASURED]
    return row


def teacher(params: Params, speeds: Speeds, corpora: list[Amount | None]) -> Row:
    """Trained here (a step is about three forward passes of its batch), or copied; its conversion takes about as long as a student's start."""
    training = params.teacher.training
    trains = params.teacher.source == TRAINS
    row = Row("teacher, trained" if trains else "teacher, copied", disk_bytes=speeds.teacher_bytes, logged=["teacher"], basis=[MEASURED, COMPUTED])
    around_s = _product(2.0, speeds.start_s)
    if trains:
        row.audio_s, row.clips, _ = audio_of(corpora)
        row.windows = training.steps * training.batch_windows
        row.time_s = _sum([around_s, _product(3, row.windows, speeds.teacher_window_s)])
    else:
        row.time_s = around_s
    return row


def target_width(projection: int | None, teacher_values: int | None) -> int | None:
    """Values of a target; None where the teacher's are kept and unknown."""
    known = [value for value in (projection, teacher_values) if value is not None]
    return min(known, default=None)


def targets(params: Params, speeds: Speeds, corpora: list[Amount | None]) -> tuple[Row, int, int | None]:
    """The row, the values of a target and the number of validation windows. The teacher hears the kept windows and what lies between close ones."""
    settings = params.targets
    teacher_values = speeds.teacher_values
    values = target_width(settings.projection, teacher_values) or 0
    audio_s, clips, kept = audio_of(corpora, settings.windows_per_clip)
    heard = _sum(amount.heard(settings.windows_per_clip) if amount else None for amount in corpora)
    row = Row("targets", audio_s, clips, disk_bytes=None, logged=["targets"], basis=[MEASURED, COMPUTED])
    if kept is None or heard is None or not values:
        return row, values, None
    validation = round(settings.validation_share * kept)
    copies = 1 + settings.augmented_copies
    row.windows = validation + (kept - validation) * copies
    basis = 0 if settings.projection is None or values == teacher_values else values * (teacher_values or 0)
    row.disk_bytes = row.windows * (WINDOW_BYTES + 2 * values) + 4 * (basis + (teacher_values or values) + values)
    passes = copies + min(1.0, SAMPLE_WINDOWS / max(1, row.windows))  # those of the projection's fit are heard twice
    heard_s = _product(heard * passes, _sum([speeds.teacher_window_s, speeds.log_mel_window_s]))
    fit_adds = 8 * SAMPLE_WINDOWS * basis + row.windows * basis
    row.time_s = _sum([speeds.start_s, heard_s, _product(fit_adds, speeds.gram_add_s)])
    return row, values, validation


def distillation(params: Params, speeds: Speeds, target_values: int, validation_windows: int | None) -> list[Row]:
    """A line a student; of many students one a backbone and width."""
    groups: dict[str, list[str]] = {}
    for name, student in params.students.items():
        key = name if len(params.students) <= LINES else f"{student.backbone} {student.width:g}"
        groups.setdefault(key, []).append(name)
    settings, rows = params.distill, []
    for key, names in groups.items():
        students = [params.students[name] for name in names]
        costs = [cost(student, settings.bottleneck) for student in students]
        times = [distill_s(speeds, student, params, target_values, validation_windows) for student in students]
        label = f"distill {key}" + (f", {len(names)} students" if len(names) > 1 else "")
        seeds = sum(student.seeds for student in students)
        if seeds > len(students):
            label += f", {seeds} seeds"
        row = Row(label, windows=settings.steps * settings.batch_windows * seeds, time_s=_sum(times), basis=[MEASURED, COMPUTED])
        row.disk_bytes = sum(4 * c.parameters * s.seeds for c, s in zip(costs, students, strict=True))
        checkpoints = (CHECKPOINT_BYTES * c.trained(settings.bottleneck, target_values) * (s.seeds + 1) for c, s in zip(costs, students, strict=True))
        row.transient_bytes = max(checkpoints)
        row.logged = [f"distill@{name}" for name in names]
        rows.append(row)
    return rows


def files(student: Student) -> int:
    """Converted files that are scored: the one that ships, the other seeds', and the float32 one beside a quantised one."""
    return student.seeds + (1 if student.qat or student.precision != "float32" else 0)


def conversion(params: Params, speeds: Speeds) -> Row:
    """All students and the control."""
    row = Row(f"convert, {len(params.students)} students, 1 control", basis=[MEASURED, COMPUTED])
    row.logged = ["controls", *(f"convert@{name}" for name in params.students)]
    times = []
    for student in (*params.students.values(), CONTROL):
        own = cost(student, params.distill.bottleneck)
        reference = cost(student.model_copy(update={"qat": 0, "precision": "float32"}), params.distill.bottleneck).file_bytes
        row.disk_bytes += student.seeds * own.file_bytes + (files(student) - student.seeds) * reference
        times.append(_sum([speeds.start_s, _product(files(student) * own.blocks, speeds.convert_block_s)]))
    row.time_s = _sum(times)
    return row


def benchmarks(params: Params, speeds: Speeds) -> Iterable[Row]:
    """Students, teacher and control on every device."""
    for name, device in params.devices.items():
        models = [*params.students.values(), CONTROL, CONTROL]
        latencies = (
            [invocation_s(speeds, student, params.distill.bottleneck) or 0.0 for student in models] if device.kind == "host" else [0.0] * len(models)
        )
        row = Row(f"benchmark on {name} ({device.kind}), {len(models)} models", basis=[COMPUTED])
        row.time_s = sum(benchmark_s(device, latency_s) for latency_s in latencies)
        row.logged = [f"benchmark_references@{name}", *(f"benchmark@{student}-{name}" for student in params.students)]
        yield row


def evaluation(params: Params, speeds: Speeds, tasks: list[Amount | None]) -> Row:
    """Every converted file on every task: embedding on all cores, then probes; by the deciding protocol only for files that do not ship."""
    audio_s, clips, windows = audio_of(tasks)
    bottleneck, deciding = params.distill.bottleneck, params.noss.protocol[:1]
    times, count = [], 0
    for student in params.students.values():
        others = files(student) - 1
        count += others + 1
        one_s = _product(invocation_s(speeds, student, bottleneck), windows, 1 / CALLS / cores(params), others + 1)
        values = bottleneck * _pooled(params)
        shipped_s, other_s = (probes_s(speeds, tasks, values, params, protocols) for protocols in (params.noss.protocol, deciding))
        times.append(_sum([LIGHT_START_S, one_s, shipped_s, _product(others, other_s)]))
    row = Row(f"evaluate, {len(params.students)} students, {count} files", audio_s, clips, basis=[MEASURED, COMPUTED], scratch=True)
    row.windows, row.time_s = _product(windows, count), _sum(times)
    row.disk_bytes = _product(4 * bottleneck * _pooled(params) * count, clips)
    row.logged = [f"evaluate@{name}" for name in params.students]
    return row


def _pooled(params: Params) -> int:
    return 2 if params.noss.pooling == "mean+max" else 1


def references(params: Params, speeds: Speeds, tasks: list[Amount | None]) -> Row:
    """The teacher and two controls; the tasks' log-mel is made here or with the first student, once."""
    audio_s, clips, windows = audio_of(tasks)
    row = Row(
        "evaluate teacher and controls",
        audio_s,
        clips,
        _product(windows, 2),
        logged=["evaluate_references"],
        basis=[MEASURED, COMPUTED],
        scratch=True,
    )
    bottleneck, pooled = params.distill.bottleneck, _pooled(params)
    widths = [(speeds.teacher_values or 0) * pooled, bottleneck * pooled, LOGMEL_VALUES]
    row.disk_bytes = _sum([_product(4 * sum(widths[:2]), clips), _product(FRAME_BYTES, _sum(task.frames() if task else None for task in tasks))])
    control_s = _product(invocation_s(speeds, CONTROL, bottleneck), windows, 1 / CALLS / cores(params))
    embedding_s = [_product(windows, speeds.teacher_window_s), control_s, _product(windows, speeds.log_mel_window_s, 1 / cores(params))]
    scoring_s = [probes_s(speeds, tasks, values, params, params.noss.protocol) for values in widths if values]
    row.time_s = _sum([speeds.start_s, *embedding_s, *scoring_s])
    return row


def last_stages(params: Params, speeds: Speeds) -> Row:
    """Their time does not grow with the audio; the largest student that fits into the budget is taken to be released, in three forms."""
    sizes = [cost(student, params.distill.bottleneck).file_bytes for student in params.students.values()]
    fitting = [size for size in sizes if params.selection.file_bytes is None or size <= params.selection.file_bytes]
    time_s = _sum([_product(2.0, speeds.start_s), _product(3 * 15, speeds.convert_block_s), 3 * LIGHT_START_S])
    return Row(", ".join(LAST_STAGES), disk_bytes=3 * max(fitting or sizes), time_s=time_s, logged=list(LAST_STAGES), basis=[COMPUTED])
