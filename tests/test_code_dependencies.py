"""dvc.yaml lists, for every stage, exactly the code that it imports."""

import code_dependencies
import pytest
import yaml
from code_dependencies import FILES, ROOT


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_dvc_yaml_lists_the_code_that_each_stage_imports(path):
    text = path.read_text()
    assert code_dependencies.rewritten(text) == text, "run `python tests/code_dependencies.py`"


def test_training_depends_on_its_code_and_not_on_the_reports():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    listed = stages["recipe_distill"]["deps"]
    assert "src/frill/distill.py" in listed and "src/frill/students/mobilenet_v3.py" in listed
    assert not any("report" in path or "noss" in path or "frontier" in path for path in listed)


def test_what_all_students_share_stands_in_their_recipes_alone():
    """DVC reads params.yaml anew for each stage with params, and every dependency is four lines of its lock: docs/scale.md."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for name in ("distill", "convert", "benchmark", "evaluate"):
        stage = stages[name].get("do", stages[name])
        assert stage["deps"][0].startswith(f"data/recipes/{name}") and len(stage["deps"]) <= 4 and "params" not in stage
