"""Which archives a set in params.yaml names, in order, and which split each is of."""

from collections.abc import Callable
from glob import escape
from pathlib import Path

from frill.corpora.reading import map_split, require_folder
from frill.errors import UserError
from frill.params.audio import ArchivedSet

ROLES = ("label", "speaker", "language", "split", "fold", "licence")


def find_archives(source: str, name: str, spec: ArchivedSet) -> list[tuple[Path, str | None]]:
    """Return (archive, split) of all of `spec.shards`; split None where each clip says its own.

    Raises UserError where one is not there.
    """
    key = f"audio.{source}.{name}"
    require_folder(key, spec.folder)
    patterns = spec.shards if isinstance(spec.shards, dict) else {None: spec.shards}
    archives = []
    for split, pattern in patterns.items():
        paths, missing = find_shards(spec.folder, pattern)
        if missing:
            place = f"{key}.shards.{split}" if split else f"{key}.shards"
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise UserError(
                f"params.yaml: {place} = {pattern!r}: no file {missing[0]}{more} in {spec.folder}; "
                "fetch it, or correct the pattern"
            )
        archives += [(path, split) for path in paths]
    if len({path for path, _ in archives}) < len(archives):
        raise UserError(
            f"params.yaml: {key}.shards: the patterns name an archive twice; correct them"
        )
    return archives


def read_fields(
    spec: ArchivedSet, split: str | None, read: Callable[[str | None], str]
) -> dict[str, str]:
    """Return the text of every one of ROLES for a clip. `read` gives the text of a field.

    `split` is the archive's, None where each clip says its own.
    """
    fields = {role: read(getattr(spec.fields, role)) for role in ROLES}
    if split is not None:
        fields["split"] = split
    else:
        fields["split"] = map_split(fields["split"], spec.splits)
    fields["licence"] = fields["licence"] or spec.licence
    return fields


def expand_braces(pattern: str) -> list[str]:
    """Return the patterns that one with braces stands for; they may hold * ? [abc].

    {08..11} counts with as many digits, {a,b} lists.
    """
    begin = pattern.find("{")
    end = pattern.find("}", begin)
    if begin < 0 or end < 0:
        return [pattern]
    inner = pattern[begin + 1 : end]
    words = inner.split(",")
    first, _, last = inner.partition("..")
    if first.isdecimal() and last.isdecimal():
        numbers = range(int(first), int(last) + 1)
        words = [str(number).zfill(len(first)) for number in numbers]
    rests = expand_braces(pattern[end + 1 :])
    return [pattern[:begin] + word + rest for word in words for rest in rests]


def find_shards(folder: str, pattern: str) -> tuple[list[Path], list[str]]:
    """Return the files within a folder that a pattern names, in order, and names without a file."""
    root = Path(folder)
    files = []
    missing = []
    for name in expand_braces(pattern):
        is_wild = any(character in name for character in "*?[")
        paths = sorted(root.glob(name if is_wild else escape(name)))
        paths = [path for path in paths if path.is_file()]
        paths = [path for path in paths if path.resolve().is_relative_to(root.resolve())]
        files += paths
        if not paths:
            missing.append(name)
    return files, missing
