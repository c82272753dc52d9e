"""How much of a set may be unusable: above a limit of params.yaml the stage stops."""

from typing import NoReturn

from frill.audio.clip_writer import Written
from frill.audio.clips import Rejected
from frill.corpora.reading import find_unused
from frill.errors import UserError
from frill.params.audio import Audio


def enforce_limit(
    name: str,
    rejected: list[Rejected],
    listed: int,
    limit: float,
    count: int | None = None,
    key: str = "audio.rejected_limit",
) -> list[str]:
    """Return a line for each of `rejected`, the first of `count`.

    Raises UserError where they are more than the share `limit` of those listed.
    """
    count = len(rejected) if count is None else count
    lines = [f"{name}: {item.source}: {item.reason}; skipped" for item in rejected]
    is_over = count > limit * listed
    if is_over:
        lines = lines[:10]
    if count > len(lines):
        lines.append(f"{name}: ... and {count - len(lines)} more")
    if is_over:
        _stop(
            lines,
            f"{name}: {count} of {listed} files cannot be used, over {key} = {limit:g}; "
            "repair or remove them, or raise the limit",
        )
    return lines


def _stop(lines: list[str], problem: str) -> NoReturn:
    raise UserError("\n".join([*lines, problem]))


def enforce_limits(source: str, name: str, written: Written, audio: Audio) -> list[str]:
    """Return lines on what was rejected, noted or leaked of a set.

    Raises UserError where a limit is passed, which it names, or too little is left to score.
    """
    summary = written.summary
    spec = getattr(audio, source)[name]
    lines = _enforce_rejected(source, name, written, audio)
    lost = summary["archives_lost_share"]
    if lost > audio.rejected_limit:
        _stop(
            lines,
            f"{name}: archives that end early or are damaged are {lost:.0%} of the set, "
            f"over audio.rejected_limit = {audio.rejected_limit:g}; "
            "fetch them again, or raise the limit",
        )
    lines += [f"{name}: {note['source']}: {note['reason']}" for note in written.notes]
    unnamed = summary["noted_count"] - len(written.notes)
    if unnamed > 0:
        lines.append(f"{name}: ... and {unnamed} more like it")
    pairs = [_describe_leak(name, leak) for leak in written.leakage]
    leaked = summary["leaked_clips"]
    if leaked > audio.leakage_limit * summary["clips"]:
        _stop(
            pairs,
            f"{name}: {leaked} of {summary['clips']} clips stand in two splits or folds, "
            f"over audio.leakage_limit = {audio.leakage_limit:g}; "
            "take them out of one, or raise the limit",
        )
    problem = _find_task_problem(summary) if spec.use == "task" else ""
    if problem:
        place = f"audio.{source}.{name}"
        _stop(lines, f"{name}: {problem}; correct {place} in params.yaml, or the data")
    unused = find_unused(summary["splits"]) if "" in summary["folds"] else ""
    if spec.use == "task" and unused:
        lines.append(f"{name}: {unused}")
    if pairs:
        lines += pairs
        lines.append(
            f"{name}: {leaked} clips stand in two splits or folds (leakage in summary.json)"
        )
    return lines


def _enforce_rejected(source: str, name: str, written: Written, audio: Audio) -> list[str]:
    """Enforce the limit of rejected clips; the missing ones may have a limit of their own."""
    counts = written.summary["rejected_counts"]
    listed = written.summary["clips"] + sum(counts.values())
    limits = {"audio.rejected_limit": (audio.rejected_limit, set(counts))}
    spec = getattr(audio, source)[name]
    if hasattr(spec, "missing_limit"):
        limits["audio.rejected_limit"][1].discard("missing")
        limits[f"audio.{source}.{name}.missing_limit"] = (spec.missing_limit, {"missing"})
    lines = []
    for key, (limit, kinds) in limits.items():
        rejected = [item for item in written.rejected if item.kind in kinds]
        count = sum(counts.get(kind, 0) for kind in kinds)
        lines += enforce_limit(name, rejected, listed, limit, count, key)
    return lines


def _describe_leak(name: str, leak: dict) -> str:
    place = f"{leak['source']} ({leak['part']})"
    other_place = f"{leak['same_as_source']} ({leak['same_as_part']})"
    return f"{name}: {place} holds the same audio as {other_place}"


def _find_task_problem(summary: dict) -> str:
    """Return why nothing can be scored on what is left, or "", before students are trained."""
    labels = summary["labels"]
    folds = summary["folds"]
    splits = summary["splits"]
    if len(labels) < 2:
        classes = ", ".join(labels) or "no clips"
        return f"has {len(labels)} class ({classes}); a task needs two or more"
    if "" not in folds:
        few = f"has {len(folds)} folds; a task needs three or more"
        return few if len(folds) < 3 else ""
    if len(folds) > 1:
        return f"lacks a fold for {folds['']} of {sum(folds.values())} clips"
    for split in ("train", "test"):
        if split not in splits:
            present = ", ".join(each for each in splits if each) or "none"
            return f"has no clips in split {split} (there are: {present})"
    return ""
