"""`dvc exp run -S` writes params.yaml anew: one value is one line of difference."""

import difflib
import shutil

import pytest
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import load_yaml
from pipeline_project import ROOT

PARAMS = ROOT / "params.yaml"


def walk_values(values: dict, path: str = ""):
    for key, value in values.items():
        if isinstance(value, dict):
            yield from walk_values(value, f"{path}{key}.")
        elif not isinstance(value, list):
            yield f"{path}{key}", value


def change(value) -> object:
    return value + 1 if isinstance(value, int | float) else "other"


def write(tmp_path, *overrides: str) -> list[str]:
    """Return the lines that differ, with - and +."""
    copy = tmp_path / "params.yaml"
    shutil.copy(PARAMS, copy)
    apply_overrides(copy, list(overrides))
    before, after = PARAMS.read_text().splitlines(), copy.read_text().splitlines()
    differences = difflib.unified_diff(before, after, n=0, lineterm="")
    return [line for line in differences if line[:2] not in ("--", "++", "@@")]


@pytest.mark.parametrize("key, value", list(walk_values(load_yaml(PARAMS))))
def test_one_value_is_one_line(tmp_path, key, value):
    minus, plus = write(tmp_path, f"{key}={change(value)}")
    assert (minus[0], plus[0]) == ("-", "+")
    name = key.rpartition(".")[2]
    assert f"{name}: {value}" in minus and f"{name}: {change(value)}" in plus
    assert load_yaml(tmp_path / "params.yaml") != load_yaml(PARAMS)


def test_what_a_line_leaves_out_is_added_within_it(tmp_path):
    assert write(tmp_path, "+students.small_100.rank=100") == [
        "-  small_100: {backbone: small, width: 1.0}",
        "+  small_100: {backbone: small, width: 1.0, rank: 100}",
    ]


def test_a_student_is_added_and_taken_away(tmp_path):
    added = write(tmp_path, "+students.small_125={backbone: small, width: 1.25}")
    assert added == ["+  small_125:", "+    backbone: small", "+    width: 1.25"]
    (removed,) = write(tmp_path, "~students.large_100")
    assert removed == "-  large_100: {backbone: large, width: 1.0}"
