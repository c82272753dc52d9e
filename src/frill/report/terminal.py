"""The frontier, the selection and what each choice cost as text for a terminal, and how long the stages took."""

from frill.frontier.latency import range_confidence
from frill.workflow.stage import read_log

MARKS = "* selected   | on the frontier   : beaten, but not beyond doubt   quality and test: accuracy points against the teacher, validation and test clips"


def table(frontier: dict, elsewhere: dict[str, dict[str, float]]) -> str:
    """results/frontier.json as text: students by latency, then the teacher and the controls. `elsewhere`: latency_ms by device and model."""
    others = {device: max(10, len(device) + 2) for device in elsewhere}
    head = "".join(f"{device:>{width}}" for device, width in others.items())
    lines = [
        f"{'':2}{'student':<24}{'latency':>10}  {'95 % interval':<16}{head}{'size':>11}{'quality':>9}  {'95 % interval':<16}{'test':>7}  {'accuracy':>9}  "
    ]

    def other(name: str) -> str:
        times = (
            (f"{elsewhere[device][name]:.3f} ms" if name in elsewhere[device] else "-", width)
            for device, width in others.items()
        )
        return "".join(f"{time:>{width}}" for time, width in times)

    for s in sorted(frontier["students"], key=lambda s: s["latency_ms"]):
        mark = (
            "*"
            if s["name"] == frontier["selected"]
            else "|"
            if s["on_frontier"]
            else ":"
            if s["on_cautious_frontier"]
            else " "
        )
        (fast, slow), (low, high) = s["latency_interval_ms"], s["quality_interval"]
        note = "diverged" if s["status"] != "ok" else frontier["over_budget"].get(s["name"], "")
        lines.append(
            f"{mark:2}{s['name']:<24}{s['latency_ms']:>7.3f} ms  {f'{fast:.3f} .. {slow:.3f}':<16}{other(s['name'])}{s['file_bytes'] / 2**20:>7.2f} MiB"
            f"{s['quality']:>+9.2f}  {f'{low:+.2f} .. {high:+.2f}':<16}{s['quality_test']:>+7.2f}  {s['mean_test_accuracy']:>7.1f} %  {note}"
        )
    for r in frontier["references"]:
        latency = f"{r['latency_ms']:>7.3f} ms" if r["latency_ms"] is not None else f"{'-':>10}"
        lines.append(
            f"  {r['name']:<24}{latency}{'':18}{other(r['name'])}{'':>11}{r['quality']:>+9.2f}  {'':<16}{r['quality_test']:>+7.2f}  "
            f"{r['mean_test_accuracy']:>7.1f} %"
        )
    if elsewhere:
        lines.append(
            f"latency: on {frontier['device']}, which decides; beside it on {', '.join(elsewhere)}"
        )
    lines.append(MARKS)
    lines += notes(frontier)
    if frontier["synthetic"]:
        lines.append(
            "Synthetic speech (eSpeak NG): these figures rank students and prove the pipeline; they say nothing about real voices."
        )
    return "\n".join(line.rstrip() for line in lines)


def notes(frontier: dict) -> list[str]:
    """Sentences under the table: what several seeds of a student say and one leaves unsaid, and whether two scoring protocols agree."""
    lines = [
        f"{s['name']}: mean of {s['seeds']} trainings, each from its own seed; their quality deviates by {s['seed_deviation']:.2f} points "
        f"(test {s['seed_deviation_test']:.2f}), and its interval includes that."
        for s in frontier["students"]
        if s["seeds"] > 1
    ]
    if any(s["seeds"] == 1 for s in frontier["students"]):
        lines.append(
            "Intervals of students trained once are over clips and speakers alone: another seed would move them too."
        )
    if (count := min(s["latency_ratios"] for s in frontier["students"])) < 6:
        lines.append(
            f"Latency intervals of {count} measurements are their range, which holds the median in {range_confidence(count):.0%} of cases, not 95 %."
        )
    if agreement := frontier["rank_agreement"]:
        lines.append(
            f"The fast probes and the model card's protocol rank the {agreement['models']} models with Kendall's tau {agreement['kendall_validation']:.2f} "
            f"on validation, {agreement['kendall_best_test']:.2f} by the card's best test accuracy; "
            f"{agreement['unconverged_settings']} of {agreement['settings']} settings of the card's stopped before they converged."
        )
    for task, speakers in frontier["speakers_in_train_and_test"].items():
        lines.append(
            f"{task}: {speakers} speakers have clips in train and in test; what it says of new speakers is too good."
        )
    return lines


def selection(frontier: dict) -> str:
    """The student to ship, why, and the next best."""
    lines = [f"Selected: {frontier['selected']}", frontier["reason"]]
    return "\n".join([*lines, *(f"  {s['name']:<24}{s['reason']}" for s in frontier["runners_up"])])


def effects(frontier: dict) -> str:
    """What each choice cost: matched pairs, then the regression where there is one, then what they cannot say."""
    found = frontier["effects"]
    lines = (
        [
            "What each choice cost: students that differ in it alone (means over pairs, 95 % intervals)"
        ]
        if found["pairs"]
        else []
    )
    for row in found["pairs"]:
        step, count = (
            f"{row['axis']} {row['from']} -> {row['to']}",
            f"{row['pairs']} pair{'s' if row['pairs'] > 1 else ''}",
        )
        lines.append(
            f"  {step:<30}{count:>9}{row['quality_points']:>+8.2f} points {_interval(row['quality_interval'], '+.2f'):<18}latency x{row['latency_ratio']:<6.2f}"
            f"{_interval(row['latency_ratio_interval'], '.2f'):<16}size x{row['bytes_ratio']:.2f}"
        )
    if targets := found["regression"]:
        heads = "".join(
            f"{('log ' if fit['log'] else '') + target} (R2 {fit['r2']:.2f})".rjust(30)
            for target, fit in targets.items()
        )
        lines += [
            "Regression on all axes at once: standardised weights, 95 % intervals",
            f"  {'':<20}{heads}",
        ]
        by_term: dict[str, dict[str, str]] = {}
        for target, fit in targets.items():
            for w in fit["weights"]:
                by_term.setdefault(w["term"], {})[target] = (
                    f"{w['weight']:+.2f} {_interval(w['interval'], '+.2f')}"
                )
        lines += [
            f"  {term:<20}" + "".join(cells.get(target, "").rjust(30) for target in targets)
            for term, cells in by_term.items()
        ]
    return "\n".join(line.rstrip() for line in [*lines, *found["notes"]])


def _interval(limits: list[float] | None, form: str) -> str:
    return f"({limits[0]:{form}} .. {limits[1]:{form}})" if limits else ""


def stage_times(skip: int) -> str:
    """Seconds and peak memory of each stage in the log but its first `skip`."""
    entries = read_log(skip)
    lines = [
        f"  {e['stage']:<36}{e['seconds']:>8.1f} s{e['peak_memory_bytes'] / 2**30:>8.2f} GiB"
        for e in entries
    ]
    total_s = sum(e["seconds"] for e in entries)
    return (
        "\n".join([*lines, f"  {'all stages':<36}{total_s:>8.1f} s"])
        if entries
        else "  nothing had to run"
    )
