"""The section `sweep` of params.yaml: what stages take of a machine, and how a cluster is used.

It may be left out.
"""

from typing import Literal

from frill.params.values import CountOrZero, Positive, Section


class Resources(Section):
    """What one stage takes of a machine while it runs. `cpus` counts on a cluster only."""

    cpus: Positive = 1
    gpus: CountOrZero = 0  # of its own; on a cluster, a stage with 0 sees none
    memory_gib: Positive = 2


class StageResources(Section):
    """Resources of each stage of dvc.yaml that belongs to one student, and of all `others`."""

    distill: Resources = Resources(memory_gib=3)
    convert: Resources = Resources()
    evaluate: Resources = Resources()
    others: Resources = Resources()

    def find(self, kind: str) -> Resources:
        """Return the resources of the stages of a kind, such as distill."""
        return getattr(self, kind, self.others)


class Sweep(Section):
    share: Literal["cache", "remote"] = "cache"
    retries: CountOrZero = 2
    resources: StageResources = StageResources()
