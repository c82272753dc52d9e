"""The report's pictures, and equal bytes from equal results."""

import xml.etree.ElementTree as ElementTree

import pytest
from example_results import student_result

from frill.report import charts

PICTURES = ("frontier", "curves", "sizes", "tasks", "effects")


def test_each_picture_is_there_as_png_and_svg(report, whole):
    folder = report(whole)
    for name in PICTURES:
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        root = ElementTree.parse(folder / f"{name}.svg").getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "slow (selected)" in (folder / "frontier.svg").read_text()


def test_equal_results_give_equal_bytes(report, whole):
    first = {path.name: path.read_bytes() for path in report(whole).iterdir()}
    assert first == {path.name: path.read_bytes() for path in report(whole).iterdir()}


@pytest.mark.parametrize("file_bytes, expected", [(1100, [600, 400, 100]), (500, [300, 200, 0])])
def test_parts_add_up_to_the_file(file_bytes, expected):
    student = student_result(weight_bytes=1000, bottleneck_bytes=400, file_bytes=file_bytes)
    assert list(charts.split_bytes(student).values()) == expected
