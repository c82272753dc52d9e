"""What students share: it names all of their code and settings, and changes with these alone."""

import hashlib

import pytest
import yaml
from code_dependencies import ROOT, stage_code
from pipeline_project import miniature

from frill import recipe


@pytest.mark.parametrize(
    ("stage", "device", "keys"),
    [
        ("distill", "", ["seed", "threads", "distill"]),
        ("convert", "", ["convert"]),
        ("evaluate", "", ["seed", "noss"]),
        ("benchmark", "host", ["devices.host"]),
    ],
)
def test_a_recipe_holds_every_module_and_setting(monkeypatch, stage, device, keys):
    monkeypatch.chdir(ROOT)
    found, params = recipe.read(f"recipe_{stage}", device), yaml.safe_load((ROOT / "params.yaml").read_text())
    assert list(found["code"]) == stage_code(stage, ROOT / f"stages/{stage}.py")
    assert found["code"][f"stages/{stage}.py"] == hashlib.sha256((ROOT / f"stages/{stage}.py").read_bytes()).hexdigest()
    assert list(found["params"]) == keys
    assert found["params"][keys[-1]] == (params["devices"]["host"] if device else params[keys[-1]])


def test_values_are_those_of_the_file(tmp_path, monkeypatch):
    """Not those of params.py: a default that is added there must not train every student again."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text().replace("    - src/frill/", "    - ../").replace("    - stages/", "    - ../"))
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(miniature()))
    assert recipe.read("recipe_distill") == {"code": {}, "params": {key: miniature()[key] for key in ("seed", "threads", "distill")}}


def test_values_are_those_that_dvc_reads(tmp_path, monkeypatch):
    """In YAML 1.1 0100 would be 64: students would not be trained again when one becomes the other."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {recipe_x: {deps: [], params: [seed, on]}}")
    (tmp_path / "params.yaml").write_text("seed: 0100\non: 1e-3\n")
    assert recipe.read("recipe_x")["params"] == {"seed": 100, "on": 0.001}
