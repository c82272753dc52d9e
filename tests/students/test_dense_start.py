"""Dense steps that one student has trained for others: the same bytes as without them."""

from dataclasses import replace

import pytest
from trainings import DENSE, RANK, SETTINGS, check_same, train

from frill.params.schema import Distill
from frill.students.build import StudentSpec
from frill.students.curve import read_curve
from frill.students.distill import Distillation


@pytest.mark.parametrize(
    "rank, qat", [(3, False), pytest.param(3, True, marks=pytest.mark.slow)], ids=["rank", "qat"]
)
def test_what_ships_goes_on_from_another_students_dense_steps(
    short_backbone, targets, tmp_path, rank, qat
):
    """The dense student has trained them: the same bytes, in half of the steps."""
    spec = StudentSpec("tiny", 0.5, "gap", rank, qat, 16)
    train(spec, targets, tmp_path / "alone", scratch=tmp_path / "own")
    train(DENSE, targets, tmp_path / "dense", scratch=tmp_path / "scratch", keep_start=True)
    trained = []

    class Counted(Distillation):
        def _batch(self, step):
            trained.append(step)
            return super()._batch(step)

    train(spec, targets, tmp_path / "second", Counted, scratch=tmp_path / "scratch")
    assert min(trained) == 3  # of 6: ship_from is 0.5
    assert not list((tmp_path / "own").glob("dense-*"))  # nobody was said to need it
    for name in ("weights.npz", "curve.csv", "summary.json"):
        check_same(*(tmp_path / who / "student" / name for who in ("alone", "second")))
    steps = [int(row["step"]) for row in read_curve(tmp_path / "second/student")]
    assert steps == [1, 2, 3, 4, 5, 6]


def test_a_checkpoint_that_a_kill_cut_off_stops_nobody(short_backbone, targets, tmp_path):
    """TensorFlow's parts of it stay, where another student has meanwhile trained those steps."""
    scratch = tmp_path / "scratch"
    train(RANK, targets, tmp_path / "alone")
    train(DENSE, targets, tmp_path / "dense", scratch=scratch, keep_start=True)
    cut_off = Distillation(RANK, Distill(**SETTINGS), targets, 17, scratch).scratch
    (cut_off / "step-2_temp").mkdir(parents=True)
    (cut_off / "step-2_temp/part").touch()
    train(RANK, targets, tmp_path / "rank", scratch=scratch)
    check_same(*(tmp_path / who / "student/weights.npz" for who in ("alone", "rank")))


@pytest.mark.parametrize("change", [{"width": 0.75}, {"pooling": "flatten"}, {"bottleneck": 8}])
def test_students_that_differ_otherwise_share_no_steps(short_backbone, targets, tmp_path, change):
    one, other = (
        Distillation(spec, Distill(**SETTINGS), targets, 17, tmp_path)
        for spec in (DENSE, replace(RANK, **change))
    )
    one.start()
    one._dense_start.keep(one.model, [])
    other.start()
    other._restore()
    assert other.done == 0
