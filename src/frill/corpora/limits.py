"""How much of a set may be unusable: what is over a limit of params.yaml stops the stage, what is under it is told."""

from frill.audio.clip_writer import Written
from frill.audio.clips import Rejected
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
    """A line for each of `rejected`, the first of `count`. Raises UserError where they are more than the share `limit` of those listed."""
    count = len(rejected) if count is None else count
    lines = [f"{name}: {item.source}: {item.reason}; skipped" for item in rejected]
    if count > limit * listed:
        shown = lines[:10] + ([f"{name}: ... and {count - 10} more"] if count > 10 else [])
        raise UserError(
            "\n".join(shown)
            + f"\n{name}: {count} of {listed} files cannot be used, over {key} = {limit:g}; repair or remove them, or raise the limit"
        )
    return lines + ([f"{name}: ... and {count - len(lines)} more"] if count > len(lines) else [])


def enforce_limits(source: str, name: str, written: Written, audio: Audio) -> list[str]:
    """Lines on what was rejected, noted or leaked of a set. Raises UserError: too much (it names the limit), or too little is left to score."""
    summary, spec = written.summary, getattr(audio, source)[name]
    listed = summary["clips"] + sum(summary["rejected_counts"].values())
    missing_limit = getattr(spec, "missing_limit", None)
    groups = {"audio.rejected_limit": audio.rejected_limit}
    if missing_limit is not None:
        groups[f"audio.{source}.{name}.missing_limit"] = missing_limit
    lines = []
    for key, limit in groups.items():
        kinds = {
            kind
            for kind in summary["rejected_counts"]
            if len(groups) == 1 or (kind == "missing") == key.endswith("missing_limit")
        }
        count = sum(summary["rejected_counts"][kind] for kind in kinds)
        lines += enforce_limit(
            name,
            [item for item in written.rejected if item.kind in kinds],
            listed,
            limit,
            count,
            key,
        )
    if summary["archives_lost_share"] > audio.rejected_limit:
        raise UserError(
            "\n".join(lines)
            + f"\n{name}: archives that end early or are damaged are {summary['archives_lost_share']:.0%} of the set, over audio.rejected_limit = "
            f"{audio.rejected_limit:g}; fetch them again, or raise the limit"
        )
    lines += [f"{name}: {note['source']}: {note['reason']}" for note in written.notes]
    if summary["noted_count"] > len(written.notes):
        lines.append(f"{name}: ... and {summary['noted_count'] - len(written.notes)} more like it")
    pairs = [
        f"{name}: {leak['source']} ({leak['part']}) holds the same audio as {leak['same_as_source']} ({leak['same_as_part']})"
        for leak in written.leakage
    ]
    if summary["leaked_clips"] > audio.leakage_limit * summary["clips"]:
        raise UserError(
            "\n".join(pairs)
            + f"\n{name}: {summary['leaked_clips']} of {summary['clips']} clips stand in two splits or folds, over audio.leakage_limit = "
            f"{audio.leakage_limit:g}; take them out of one, or raise the limit"
        )
    if spec.use == "task" and (problem := _unfit_as_task(summary)):
        raise UserError(
            "\n".join(lines)
            + f"\n{name}: {problem}; correct audio.{source}.{name} in params.yaml, or the data"
        )
    if pairs:
        lines += pairs + [
            f"{name}: {summary['leaked_clips']} clips stand in two splits or folds (leakage in summary.json)"
        ]
    return lines


def _unfit_as_task(summary: dict) -> str:
    """Why nothing can be scored on what is left, or "": said here, not after the students have been trained."""
    if len(summary["labels"]) < 2:
        return f"has {len(summary['labels'])} class ({', '.join(summary['labels']) or 'no clips'}); a task needs two or more"
    if "" not in summary["folds"]:
        return (
            f"has {len(summary['folds'])} folds; a task needs three or more"
            if len(summary["folds"]) < 3
            else ""
        )
    found = ", ".join(split for split in summary["splits"] if split) or "none"
    return next(
        (
            f"has no clips in split {split} (there are: {found})"
            for split in ("train", "test")
            if split not in summary["splits"]
        ),
        "",
    )
