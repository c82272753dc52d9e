"""dvc.yaml lists, for every stage, exactly the code that it imports."""

import code_dependencies
import yaml
from code_dependencies import ROOT


def test_dvc_yaml_lists_the_code_that_each_stage_imports():
    text = (ROOT / "dvc.yaml").read_text()
    assert code_dependencies.rewritten(text) == text, "run `python tests/code_dependencies.py`"


def test_training_depends_on_its_code_and_not_on_the_reports():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    listed = stages["distill"]["do"]["deps"]
    assert "src/frill/distill.py" in listed and "src/frill/students/mobilenet_v3.py" in listed
    assert not any("report" in path or "noss" in path or "frontier" in path for path in listed)
