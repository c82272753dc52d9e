"""Short trainings, for the tests of distillation."""

from pathlib import Path

from frill.params.schema import Distill
from frill.students.build import StudentSpec
from frill.students.distill import Distillation

SETTINGS = dict(
    bottleneck=16,
    steps=6,
    batch_windows=8,
    learning_rate=0.01,
    batch_norm_momentum=0.9,
    balance=0.5,
    ship_from=0.5,
    checkpoint_steps=2,
    schedule="cosine",
    validate_steps=1,
    patience="none",
)
DENSE = StudentSpec("tiny", 0.5, "gap", None, False, 16)
RANK = StudentSpec("tiny", 0.5, "gap", 3, False, 16)


class Killed(Distillation):
    """A training that dies right after its checkpoint at step `at`."""

    at = 2

    def _write_checkpoint(self):
        super()._write_checkpoint()
        if self.done == self.at:
            raise KeyboardInterrupt


def train(spec, targets, folder, kind=Distillation, scratch=None, keep_start=False, **changes):
    scratch = scratch or folder / "scratch"
    settings = Distill(**SETTINGS | changes)
    training = kind(spec, settings, targets, 17, scratch, keep_start=keep_start)
    training.run()
    return training.save(folder / "student")


def check_same(one: Path, other: Path) -> None:
    assert one.read_bytes() == other.read_bytes()
