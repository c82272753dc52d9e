"""frontier.json as text for a terminal, and how long the stages took."""

from frill.frontier.results import (
    Frontier,
    Interval,
    ReferenceResult,
    Regression,
    Step,
    StudentResult,
)
from frill.workflow.stage import read_log

# Mark, name, latency, interval, other devices, size, quality, interval, test, accuracy, note.
LAYOUT = "{:2}{:<24}{:>10}  {:<16}{}{:>11}{:>9}  {:<16}{:>7}  {:>9}  {}"
MARKS = (
    "* selected   | on the frontier   : beaten, but not beyond doubt   "
    "quality and test: accuracy points against the teacher, validation and test clips"
)


def format_table(frontier: Frontier, other_devices: dict[str, dict[str, float]]) -> str:
    """Return a table of the students by latency, then of the teacher and the controls.

    `other_devices`: latency_ms by device and model.
    """
    widths = {device: max(10, len(device) + 2) for device in other_devices}

    def format_others(name: str) -> str:
        cells = []
        for device, width in widths.items():
            times = other_devices[device]
            cell = f"{times[name]:.3f} ms" if name in times else "-"
            cells.append(cell.rjust(width))
        return "".join(cells)

    devices = "".join(device.rjust(width) for device, width in widths.items())
    of_latency = ("latency", "95 % interval", devices, "size")
    head = ("", "student", *of_latency, "quality", "95 % interval", "test", "accuracy", "")
    lines = [LAYOUT.format(*head).rstrip()]
    for s in sorted(frontier.students, key=lambda s: s.latency_ms):
        lines.append(_format_student(s, frontier, format_others(s.name)))
    lines += [_format_row("", r, format_others(r.name)) for r in frontier.references]
    if other_devices:
        others = ", ".join(other_devices)
        lines.append(f"latency: on {frontier.device}, which decides; beside it on {others}")
    lines.append(MARKS)
    lines += list_notes(frontier)
    if frontier.synthetic:
        lines.append(
            "Synthetic speech (eSpeak NG): these figures rank students and prove the pipeline; "
            "they say nothing about real voices."
        )
    return "\n".join(lines)


def _format_student(student: StudentResult, frontier: Frontier, others: str) -> str:
    low, high = student.quality_interval
    note = frontier.over_budget.get(student.name, "")
    return _format_row(
        _mark(student, frontier),
        student,
        others,
        " .. ".join(f"{limit:.3f}" for limit in student.latency_interval_ms or ()),
        f"{student.file_bytes / 2**20:.2f} MiB",
        f"{low:+.2f} .. {high:+.2f}",
        note if student.is_sound else "diverged",
    )


def _format_row(
    mark: str,
    model: StudentResult | ReferenceResult,
    others: str,
    latency_interval: str = "",
    size: str = "",
    quality_interval: str = "",
    note: str = "",
) -> str:
    latency_ms = model.latency_ms
    latency = "-" if latency_ms is None else f"{latency_ms:.3f} ms"
    scores = (f"{model.quality:+.2f}", quality_interval, f"{model.quality_test:+.2f}")
    accuracy = f"{model.mean_test_accuracy:.1f} %"
    cells = (mark, model.name, latency, latency_interval, others, size, *scores, accuracy, note)
    return LAYOUT.format(*cells).rstrip()


def _mark(student: StudentResult, frontier: Frontier) -> str:
    if student.name == frontier.selected:
        return "*"
    if student.on_frontier:
        return "|"
    return ":" if student.on_cautious_frontier else ""


def list_notes(frontier: Frontier) -> list[str]:
    """Return the sentences under the table: what its figures leave unsaid.

    They are of seeds, of few measurements, of other scoring protocols and of speakers.
    """
    students = frontier.students
    notes = [
        f"{s.name}: mean of {s.seeds} trainings, each from its own seed; "
        f"their quality deviates by {s.seed_deviation:.2f} points "
        f"(test {s.seed_deviation_test:.2f}), and its interval includes that."
        for s in students
        if s.seeds > 1
    ]
    if any(s.is_sound and not s.on_cautious_frontier for s in students):
        notes.append(
            "Who has no mark is beaten beyond doubt: a given rival does so wrongly in at most "
            "2.5 % of cases, by the rounds and clips of this measurement; of many rivals some do. "
            "Another hour may time otherwise."
        )
    if any(s.seeds == 1 for s in students):
        notes.append(
            "Intervals of students trained once are over clips and speakers alone: "
            "another seed would move them too."
        )
    count = min(s.latency_ratios for s in students)
    if count < 6:
        notes.append(
            f"A median of {count} measurements has no 95 % interval (six give one): "
            "a student timed so rarely neither is beaten beyond doubt nor beats another so."
        )
    agreement = frontier.rank_agreement
    if agreement:
        notes.append(
            "The fast probes and the model card's protocol rank the "
            f"{agreement.models} models with Kendall's tau "
            f"{_format_tau(agreement.kendall_validation)} on validation, "
            f"{_format_tau(agreement.kendall_best_test)} by the card's best test accuracy; "
            f"{agreement.unconverged_settings} of {agreement.settings} settings of the "
            "card's stopped before they converged."
        )
    for task, speakers in frontier.speakers_in_train_and_test.items():
        notes.append(
            f"{task}: {speakers} speakers have clips in train and in test; "
            "what it says of new speakers is too good."
        )
    return notes


def _format_tau(tau: float | None) -> str:
    return "none (no difference)" if tau is None else f"{tau:.2f}"


def format_selection(frontier: Frontier) -> str:
    """Return the student to ship, why, and the next best."""
    lines = [f"Selected: {frontier.selected}", frontier.reason]
    lines += [f"  {s.name:<24}{s.reason}" for s in frontier.runners_up]
    return "\n".join(lines)


def format_effects(frontier: Frontier) -> str:
    """Return what each choice cost.

    Matched pairs, then the regression where there is one, then what they cannot say.
    """
    effects = frontier.effects
    lines = []
    if effects.pairs:
        lines.append(
            "What each choice cost: students that differ in it alone "
            "(means over pairs, 95 % intervals)"
        )
    lines += [_format_step(step) for step in effects.pairs]
    if effects.regression:
        lines += _format_regression(effects.regression)
    return "\n".join(line.rstrip() for line in [*lines, *effects.notes])


def _format_step(step: Step) -> str:
    name = f"{step.axis} {step.from_} -> {step.to}"
    plural = "s" if step.pairs > 1 else ""
    count = f"{step.pairs} pair{plural}"
    quality = _format_interval(step.quality_interval, "+.2f")
    latency = _format_interval(step.latency_ratio_interval, ".2f")
    return (
        f"  {name:<30}{count:>9}{step.quality_points:>+8.2f} points {quality:<18}"
        f"latency x{step.latency_ratio:<6.2f}{latency:<16}size x{step.bytes_ratio:.2f}"
    )


def _format_regression(fits: dict[str, Regression]) -> list[str]:
    """Return a table of the weights, a row for each term and a column for each outcome."""
    heads = ""
    rows: dict[str, dict[str, str]] = {}
    for outcome, fit in fits.items():
        logarithm = "log " if fit.log else ""
        heads += f"{logarithm}{outcome} (R2 {fit.r2:.2f})".rjust(30)
        for w in fit.weights:
            interval = _format_interval(w.interval, "+.2f")
            rows.setdefault(w.term, {})[outcome] = f"{w.weight:+.2f} {interval}"
    lines = [
        "Regression on all axes at once: standardised weights, 95 % intervals",
        f"  {'':<20}{heads}",
    ]
    for term, cells in rows.items():
        row = "".join(cells.get(outcome, "").rjust(30) for outcome in fits)
        lines.append(f"  {term:<20}{row}")
    return lines


def _format_interval(limits: Interval | None, form: str) -> str:
    return f"({limits[0]:{form}} .. {limits[1]:{form}})" if limits else ""


def format_stage_times(skip: int) -> str:
    """Return the seconds and peak memory of each stage in the log but its first `skip`."""
    entries = read_log(skip)
    if not entries:
        return "  nothing had to run"
    lines = []
    for entry in entries:
        memory_gib = entry["peak_memory_bytes"] / 2**30
        lines.append(f"  {entry['stage']:<36}{entry['seconds']:>8.1f} s{memory_gib:>8.2f} GiB")
    total_s = sum(entry["seconds"] for entry in entries)
    return "\n".join([*lines, f"  {'all stages':<36}{total_s:>8.1f} s"])
