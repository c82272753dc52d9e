"""Which archives a set in params.yaml names, in order, and which split each is of."""

from collections.abc import Callable
from glob import escape
from pathlib import Path

from frill.errors import UserError
from frill.params.audio import ArchivedSet

ROLES = ("label", "speaker", "split", "fold", "licence")


def archives(source: str, name: str, spec: ArchivedSet) -> list[tuple[Path, str | None]]:
    """(archive, split) of all of `spec.shards`; split None where each clip says its own. Raises UserError where one is not there."""
    key = f"params.yaml: audio.{source}.{name}"
    if not Path(spec.folder).is_dir():
        raise UserError(f"{key}.folder = {spec.folder!r}: no such folder; correct the path")
    found = []
    for split, pattern in (
        spec.shards.items() if isinstance(spec.shards, dict) else [(None, spec.shards)]
    ):
        at = f"{key}.shards{f'.{split}' if split else ''} = {pattern!r}"
        paths, missing = shards(spec.folder, pattern)
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise UserError(
                f"{at}: no file {missing[0]}{more} in {spec.folder}; fetch it, or correct the pattern"
            )
        found += [(path, split) for path in paths]
    if len({path for path, _ in found}) < len(found):
        raise UserError(f"{key}.shards: the patterns name an archive twice; correct them")
    return found


def clip_fields(
    spec: ArchivedSet, split: str | None, read: Callable[[str | None], str]
) -> dict[str, str]:
    """Return the text of every one of ROLES for a clip. `read` gives the text of a field.

    `split` is the archive's, None where each clip says its own.
    """
    fields = {role: read(getattr(spec.fields, role)) for role in ROLES}
    if split is not None:
        fields["split"] = split
    elif spec.splits:
        splits = {value: name for name, values in spec.splits.items() for value in values}
        fields["split"] = splits.get(fields["split"], "")
    fields["licence"] = fields["licence"] or spec.licence
    return fields


def expand(pattern: str) -> list[str]:
    """Braces of a pattern written out: {08..11} counts with as many digits, {a,b} lists; what is left may hold * ? [abc]."""
    begin = pattern.find("{")
    end = pattern.find("}", begin)
    if begin < 0 or end < 0:
        return [pattern]
    inner, numbers = pattern[begin + 1 : end], pattern[begin + 1 : end].split("..")
    if len(numbers) == 2 and all(number.isdecimal() for number in numbers):
        width = len(numbers[0])
        words = [f"{number:0{width}d}" for number in range(int(numbers[0]), int(numbers[1]) + 1)]
    else:
        words = inner.split(",")
    return [pattern[:begin] + word + rest for word in words for rest in expand(pattern[end + 1 :])]


def shards(folder: str, pattern: str) -> tuple[list[Path], list[str]]:
    """Files within a folder that a pattern names, in order, and the names (or patterns) for which there is none."""
    found, missing = [], []
    for name in expand(pattern):
        wild = any(character in name for character in "*?[")
        paths = sorted(
            path for path in Path(folder).glob(name if wild else escape(name)) if path.is_file()
        )
        paths = [path for path in paths if path.resolve().is_relative_to(Path(folder).resolve())]
        found += paths
        missing += [] if paths else [name]
    return found, missing
