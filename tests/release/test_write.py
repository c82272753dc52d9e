"""Which student can be released by name."""

from pathlib import Path

import pytest
from example_results import frontier_result, student_result

from frill.errors import UserError
from frill.frontier.results import write_frontier
from frill.release.write import write_release


@pytest.mark.parametrize(
    "name, message",
    [
        ("two", "^--student two: its training diverged; name another student$"),
        ("three", "^--student three: no such student; there are one, two$"),
    ],
)
def test_a_student_that_cannot_be_released(tmp_path, monkeypatch, name, message):
    students = [student_result("one"), student_result("two", status="diverged")]
    (tmp_path / "results").mkdir()
    write_frontier(frontier_result(students), tmp_path / "results/frontier.json")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        write_release(None, Path("out"), name)
    assert not Path("out").exists()
