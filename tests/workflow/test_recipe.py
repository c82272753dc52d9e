"""Recipes: what every stage of dvc.yaml is made by, and what students share of params.yaml."""

import json
import re

import pytest
import yaml
from pipeline_project import ROOT, miniature

from frill import fingerprint
from frill.corpora.load import LOADERS
from frill.fingerprint import LOCK, hash_code
from frill.params.audio import Audio
from frill.workflow import recipe

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
STAGES |= yaml.safe_load((ROOT / "track/dvc.yaml").read_text())["stages"]


@pytest.fixture(scope="module")
def recipes() -> dict[str, dict]:
    return recipe.read_all(LOADERS, ROOT)


@pytest.mark.parametrize("name", [name for name in STAGES if name != "code"])
def test_every_stage_depends_on_the_recipe_of_its_script(recipes, name):
    stage = STAGES[name].get("do", STAGES[name])
    own, *others = [path for path in stage["deps"] if path.startswith("data/code/")]
    assert not others
    recipe_name = own.removeprefix("data/code/").removesuffix(".json")
    key = "host" if name in ("identify", "benchmark_references") else "small_200"
    recipe_name = recipe_name.replace("${item.device}", "host").replace("${key}", key)
    script = ROOT / re.search(r"stages/\w+\.py", stage["cmd"])[0]
    source = re.search(r"download\.py (\w+)", stage["cmd"])
    loaders = {"espeak": ["frill.corpora.synthetic.sets"], "tfds": ["frill.corpora.tfds.examples"]}
    extra = loaders.get(source[1], [f"frill.corpora.{source[1]}"]) if source else []
    assert recipes[recipe_name]["code"] == hash_code(script, *extra)


def test_there_is_no_recipe_that_no_stage_depends_on(recipes):
    students = yaml.safe_load((ROOT / "params.yaml").read_text())["students"]
    a_student = [name for name in recipes if name.startswith(("distill/", "convert/"))]
    assert len(a_student) == 2 * len(students)
    assert len(recipes) - len(a_student) == len(STAGES) - 1 - 2  # one device


def test_every_kind_of_audio_has_its_loader():
    sections = {name for name in Audio.model_fields if f"download_{name}" in STAGES}
    assert sections == set(LOADERS)


def test_what_students_share_stands_in_their_recipes_alone(recipes):
    """DVC reads params.yaml anew for each stage with params: docs/scale.md."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    expected = {
        "distill/small_200": {key: params[key] for key in ("seed", "threads", "onednn", "distill")},
        "convert/small_200": {"convert": params["convert"]},
        "evaluate": {key: params[key] for key in ("seed", "noss")},
        "benchmark/host": params["devices"]["host"],
        "benchmark_references/host": params["devices"]["host"],
        "identify/host": {"kind": "host"},
    }
    assert {name: recipes[name]["params"] for name in expected} == expected
    others = {name for name in recipes if "params" in recipes[name]} - set(expected)
    assert all(name.startswith(("distill/", "convert/")) for name in others)
    for name in ("distill", "convert", "identify", "benchmark", "benchmark_references", "evaluate"):
        assert "params" not in STAGES[name].get("do", STAGES[name])
    shared = {key for keys in recipe.SHARED.values() for key in keys} | {"devices"}
    assert set(STAGES["code"]["params"]) == shared | {"students"}


PLAIN = {"pooling": "gap", "rank": "none", "qat": 0, "precision": "float32", "seeds": 1}
OTHER = {
    "backbone": "large",
    "width": 1.01,
    "pooling": "flatten",
    "rank": 8,
    "qat": 1,
    "precision": "float16",
    "seeds": 2,
}


@pytest.mark.parametrize("axis", OTHER)
def test_every_axis_makes_another_recipe_of_its_stage_for_its_student_alone(tmp_path, axis):
    """DVC's own cache once took a student for another (iterative/dvc#10296)."""
    plain = {"backbone": "small", "width": 1.0}
    before = read_students(tmp_path, one=plain, two=plain)
    after = read_students(tmp_path, one=plain | {axis: OTHER[axis]}, two=plain)
    stage = "convert" if axis == "precision" else "distill"
    assert {name for name in after if after[name] != before[name]} == {f"{stage}/one"}
    assert read_students(tmp_path, one=PLAIN | plain, two=plain) == before  # written or not


def read_students(folder, **students) -> dict[str, dict]:
    (folder / "stages").mkdir(exist_ok=True)
    for name in ("distill", "convert"):
        (folder / f"stages/{name}.py").write_text("")
    (folder / "params.yaml").write_text(yaml.safe_dump(miniature() | {"students": students}))
    return recipe.read_all(LOADERS, folder)


PHONE = {"kind": "adb", "serial": "FA6A", "tool": "t", "tool_sha256": "0" * 64, "threads": 1}


@pytest.mark.parametrize(
    ("change", "stages"),
    [
        ({"runs": 60}, ["benchmark", "benchmark_references"]),
        ({"processes": 9}, ["benchmark", "benchmark_references"]),
        ({"tool_sha256": "1" * 64}, ["benchmark", "benchmark_references"]),
        ({"accelerator": "gpu"}, ["benchmark", "benchmark_references"]),
        ({"cool_down_s": 60.0}, []),
        ({"timeout_s": 60.0}, []),
        ({"discards": 9}, []),
        ({"tool": "elsewhere"}, []),
        ({"serial": "192.168.1.20:5555"}, ["identify"]),
    ],
)
def test_what_times_a_phone_again_and_what_asks_whose_it_is(tmp_path, change, stages):
    (tmp_path / "stages").mkdir()
    for name in ("identify", "benchmark", "benchmark_references"):
        (tmp_path / f"stages/{name}.py").write_text("")
    before, after = (read_phone(tmp_path, PHONE | each) for each in ({}, change))
    assert {name for name in after if after[name] != before[name]} == {
        f"{stage}/pixel" for stage in stages
    }


def read_phone(folder, settings: dict) -> dict[str, dict]:
    params = miniature() | {"devices": {"pixel": settings}}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    return recipe.read_all(LOADERS, folder)


def test_values_are_those_that_dvc_reads(tmp_path):
    """In YAML 1.1 0100 is 64: replacing one by the other would retrain no student."""
    (tmp_path / "stages").mkdir()
    for name in ("convert", "benchmark"):
        (tmp_path / f"stages/{name}.py").write_text("")
    text = "convert: {x: 0100, y: 1e-3}\ndevices: {host: {kind: host}}\n"
    text += "students: {a: {backbone: tiny, width: 0.5}}\n"
    (tmp_path / "params.yaml").write_text(text)
    recipes = recipe.read_all(LOADERS, tmp_path)
    assert recipes["convert/a"]["params"] == {"convert": {"x": 100, "y": 0.001}}
    assert recipes["benchmark/host"]["params"] == {"kind": "host"}


def test_a_default_that_is_added_to_a_section_changes_no_recipe(tmp_path):
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/distill.py").write_text("")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(miniature()))
    params = recipe.read_all(LOADERS, tmp_path)["distill/one"]["params"]
    assert params == {key: miniature()[key] for key in ("seed", "threads", "onednn", "distill")}


def test_the_teachers_recipe_has_its_network_and_an_embeddings_what_a_teacher_hears():
    """Lists by hand once lacked these."""
    sources = {path.name for path in fingerprint.find_sources(ROOT / "stages/teacher.py").files}
    assert {"network.py", "clips.py", "triplet.py"} <= sources
    heard = {path.name for path in fingerprint.find_sources("frill.teacher.saved_model").files}
    assert {"batching.py", "calling_convention.py"} <= heard
    stored = {path.name for path in fingerprint.find_sources("frill.corpora.synthetic.sets").data}
    assert "sentences_en.txt" in stored


def test_another_runtime_identifies_and_times_again(recipes, monkeypatch, tmp_path):
    lock = tmp_path / "requirements.lock"
    text, changed = re.subn(r"(?m)^ai-edge-litert==\S+", "ai-edge-litert==9.9", LOCK.read_text())
    assert changed == 1
    lock.write_text(text)
    monkeypatch.setattr(fingerprint, "LOCK", lock)
    after = recipe.read_all(LOADERS, ROOT)
    differing = {name for name in recipes if recipes[name] != after[name]}
    assert {"identify/host", "benchmark/host", "benchmark_references/host"} <= differing
    assert not any(name.startswith(("distill/", "targets", "download")) for name in differing)


def test_recipes_are_small_files(recipes):
    assert all(len(json.dumps(each)) < 1000 for each in recipes.values())
