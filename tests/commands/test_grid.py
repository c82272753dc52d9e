"""`frill grid`: students as lines of params.yaml."""

import pytest
import yaml
from pipeline_project import ROOT

from frill import cli
from frill.params import grid
from frill.params.load import ParamsError
from frill.workflow import overlay


def test_the_papers_144(monkeypatch):
    monkeypatch.chdir(ROOT)
    students = yaml.safe_load("\n".join(grid.write_lines(grid.AXES)))
    different = {tuple(sorted(student.items())) for student in students.values()}
    assert len(students) == 3 * 6 * 2 * 2 * 2 == len(different)
    assert students["small_200"] == {"backbone": "small", "width": 2.0}
    assert students["large_150_flatten_rank100_qat"] == {
        "backbone": "large",
        "width": 1.5,
        "pooling": "flatten",
        "rank": 100,
        "qat": 1,
    }
    assert students["tiny_075_flatten_rank100_qat"]["qat"] == 1
    for preset in ("paper", "grid"):
        assert overlay.read(ROOT / f"presets/{preset}.yaml", strict=False)["students"] == students


def test_the_command_prints_what_params_yaml_takes(monkeypatch, capsys):
    axes = "--backbone large --width 1 3 --pooling gap --rank 50 --qat 0"
    monkeypatch.setattr("sys.argv", f"frill grid {axes} --precision dynamic --seeds 2".split())
    with pytest.raises(SystemExit) as end:
        cli.main()
    students = yaml.safe_load("students:\n" + capsys.readouterr().out)["students"]
    assert end.value.code == 0 and [s["width"] for s in students.values()] == [1, 3]
    assert list(students) == ["large_100_rank50_dynamic_seeds2", "large_300_rank50_dynamic_seeds2"]


@pytest.mark.parametrize(
    "axis, value", [("backbone", "huge"), ("width", "wide"), ("rank", None), ("qat", 2)]
)
def test_a_value_out_of_its_set_is_named(axis, value):
    with pytest.raises(ParamsError, match=f"{axis} = {value!r}"):
        grid.write_lines(grid.AXES | {axis: [value]})
