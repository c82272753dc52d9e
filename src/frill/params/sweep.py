"""The section `sweep` of params.yaml: how `frill sweep` uses a Ray cluster. It may be left out."""

from typing import Annotated, Literal

from pydantic import Field

from frill.params.values import CountOrZero, Positive, Real, Section


class Resources(Section):
    """What one stage takes of a node while it runs."""

    cpus: Positive = 2
    gpus: Annotated[Real, Field(ge=0)] = 0
    memory_gib: Positive = 2


class StageResources(Section):
    """Resources of each stage of dvc.yaml that belongs to one student."""

    distill: Resources = Resources(memory_gib=3)
    convert: Resources = Resources()
    evaluate: Resources = Resources()


class Sweep(Section):
    share: Literal["cache", "remote"] = "cache"
    retries: CountOrZero = 2
    resources: StageResources = StageResources()
