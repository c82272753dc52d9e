"""Where audio comes from. One contract: a set's name and spec -> iterator of Clip | Rejected, in an order that never changes."""

from collections.abc import Iterator

from frill.clips import Clip, Rejected


def clips(source: str, name: str, spec, seed: int, processes: int) -> Iterator[Clip | Rejected]:
    """`source` is the section of params.yaml's `audio` that `spec` stands in. `processes` changes the time it takes only."""
    if source == "espeak":
        from frill.corpora import synthetic  # GPL-3 speech synthesis: loaded only where it is asked for

        return synthetic.clips(spec.set, seed, spec.hours, spec.clips, processes)
    from frill.corpora import folder

    return folder.clips(name, spec)
