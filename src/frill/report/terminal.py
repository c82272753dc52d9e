"""frontier.json as text for a terminal, and how long the stages took."""

import textwrap

from rich.text import Text

from frill.frontier.results import (
    Frontier,
    Interval,
    ReferenceResult,
    Regression,
    Step,
    StudentResult,
)
from frill.workflow.stage import read_log

# Latency and its interval, other devices, size, quality and its interval, test, accuracy.
LAYOUT = "{:>7} {:<12}{}{:>7}{:>9} {:<13}{:>7}{:>7}"
WIDTH = 100
MARKS = "* selected   | on the frontier   : beaten, but not beyond doubt"
MEANINGS = (
    "latency: of one window in ms, median; quality and test: points of accuracy against the "
    "teacher, validation and test clips; intervals: 95 %"
)
# Of a line, by its mark: rich's names.
STYLES = {"*": "bold green", "|": "bold", ":": "", " ": "dim"}
MOST_NAMED = 5


def format_table(frontier: Frontier, other_devices: dict[str, dict[str, float]]) -> Text:
    """Return a table: the frontier, the other students, the teacher and the controls.

    Each part is in order of latency. FRILL's 144, with names of up to 28 letters, take 96 columns.
    `other_devices`: latency_ms by device and model.
    """
    students = sorted(frontier.students, key=lambda s: s.latency_ms)
    name_width = 1 + max(len(each.name) for each in [*students, *frontier.references])
    widths = {device: max(9, len(device) + 2) for device in other_devices}

    def format_line(mark: str, name: str, others: list[str], cells: tuple) -> str:
        beside = "".join(map(str.rjust, others, widths.values()))
        row = LAYOUT.format(*cells[:2], beside, *cells[2:])
        return f"{mark} {name:<{name_width}}{row}".rstrip()

    def format_model(mark: str, model: StudentResult | ReferenceResult) -> Text:
        others = [_format_ms(times.get(model.name)) for times in other_devices.values()]
        return Text(format_line(mark, model.name, others, _list_cells(model)), STYLES[mark])

    head = ("latency", "interval", "MiB", "quality", "interval", "test", "acc. %")
    lines = [Text(format_line(" ", "student", list(other_devices), head), "underline")]
    marks = [_mark(student, frontier) for student in students]
    for group in ("*|", ":", " "):
        lines += [format_model(m, s) for m, s in zip(marks, students, strict=True) if m in group]
    lines += [Text(format_model(" ", r).plain, "italic") for r in frontier.references]
    told = [MARKS, MEANINGS, *_list_excluded(frontier)]
    if other_devices:
        others = ", ".join(other_devices)
        told.append(f"latency: on {frontier.device}, which decides; beside it on {others}")
    told += list_notes(frontier)
    if frontier.synthetic:
        told.append(
            "Synthetic speech (eSpeak NG): these figures rank students and prove the pipeline; "
            "they say nothing about real voices."
        )
    return Text("\n").join([*lines, *(Text(textwrap.fill(each, WIDTH)) for each in told)])


def _list_cells(model: StudentResult | ReferenceResult) -> tuple[str, ...]:
    latency_interval, mib, quality_interval = "", "", ""
    if isinstance(model, StudentResult):
        low, high = model.quality_interval
        latency_interval = "-".join(map(_format_ms, model.latency_interval_ms or ()))
        mib = f"{model.file_bytes / 2**20:.2f}"
        quality_interval = f"{low:+.1f}..{high:+.1f}" if model.is_sound else "diverged"
    scores = (f"{model.quality:+.2f}", quality_interval, f"{model.quality_test:+.2f}")
    accuracy = f"{model.mean_test_accuracy:.1f}"
    return (_format_ms(model.latency_ms), latency_interval, mib, *scores, accuracy)


def _format_ms(latency_ms: float | None) -> str:
    """Return five characters at most up to 100 ms; the third decimal is noise from 10 ms on."""
    if latency_ms is None:
        return "-"
    return f"{latency_ms:.3f}" if latency_ms < 10 else f"{latency_ms:.2f}"


def _list_excluded(frontier: Frontier) -> list[str]:
    """Return a sentence on who is over the budget."""
    over = sorted(frontier.over_budget.items())
    if not over:
        return []
    named = ", ".join(f"{name} ({why})" for name, why in over[:MOST_NAMED])
    more = f" and {len(over) - MOST_NAMED} more" if len(over) > MOST_NAMED else ""
    return [f"over the budget: {named}{more}"]


def _mark(student: StudentResult, frontier: Frontier) -> str:
    if student.name == frontier.selected:
        return "*"
    if student.on_frontier:
        return "|"
    return ":" if student.on_cautious_frontier else " "


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
        if agreement.left_out:
            notes.append(
                f"Scored by the fast probes alone, as too large for the card's protocol: "
                f"{', '.join(agreement.left_out)}."
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
    width = 1 + max((len(s.name) for s in frontier.runners_up), default=0)
    lines += [f"  {s.name:<{width}}{s.reason}" for s in frontier.runners_up]
    return "\n".join(lines)


def format_effects(frontier: Frontier) -> str:
    """Return what each choice cost.

    Matched pairs, then the regression where there is one, then what they cannot say.
    """
    effects = frontier.effects
    lines = []
    if effects.pairs:
        lines += [
            "What each choice cost: students that differ in it alone (means over pairs, 95 %)",
            f"  {'':<29}{'pairs':>6}{'points':>9} {'':<16}{'latency':>8} {'':<13}{'size':>8}",
        ]
    lines += [_format_step(step) for step in effects.pairs]
    if effects.regression:
        lines += _format_regression(effects.regression)
    return "\n".join(line.rstrip() for line in [*lines, *effects.notes])


def _format_step(step: Step) -> str:
    name = f"{step.axis} {step.from_} -> {step.to}"
    quality = _format_interval(step.quality_interval, "+.2f")
    latency = _format_interval(step.latency_ratio_interval, ".2f")
    return (
        f"  {name:<29}{step.pairs:>6}{step.quality_points:>+9.2f} {quality:<16}"
        f"{f'x{step.latency_ratio:.2f}':>8} {latency:<13}{f'x{step.bytes_ratio:.2f}':>8}"
    )


def _format_regression(fits: dict[str, Regression]) -> list[str]:
    """Return a table of the weights, a row for each term and a column for each outcome."""
    heads = ""
    rows: dict[str, dict[str, str]] = {}
    for outcome, fit in fits.items():
        logarithm = "log " if fit.log else ""
        heads += f"{logarithm}{outcome} (R2 {fit.r2:.2f})".rjust(26)
        for w in fit.weights:
            interval = _format_interval(w.interval, "+.2f")
            rows.setdefault(w.term, {})[outcome] = f"{w.weight:+.2f} {interval}"
    lines = [
        "Regression on all axes at once: standardised weights, 95 % intervals",
        f"  {'':<19}{heads}",
    ]
    for term, cells in rows.items():
        row = "".join(cells.get(outcome, "").rjust(26) for outcome in fits)
        lines.append(f"  {term:<19}{row}")
    return lines


def _format_interval(limits: Interval | None, form: str) -> str:
    return f"({limits[0]:{form}}..{limits[1]:{form}})" if limits else ""


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
