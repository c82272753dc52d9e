"""What SECURITY.md says of the code as a whole: nothing in it turns data into code, and nothing is served beyond this machine."""

import ast
import re
import subprocess

import pytest
from code_dependencies import ROOT

from frill.params import ParamsError, load

# Of https://docs.python.org/3/library/security_warnings.html what a pipeline is tempted by, and what libraries make of pickles.
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "tempfile.mktemp", "yaml.full_load", "yaml.unsafe_load", "joblib.load"}
CALLS |= {"torch.load", "ssl._create_unverified_context", "subprocess.getoutput", "subprocess.getstatusoutput"}
MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}
ALLOWED = {
    # A baseline of kind python is a file of the user's own, named in params.yaml to be run.
    ("src/frill/noss/baselines.py", "exec_module"),
}


def sins(source: str) -> list[str]:
    """What a Python file holds of the above, and calls with arguments that make them dangerous, as `what` each."""
    tree, found = ast.parse(source), []
    safe = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and [ast.unparse(base) for base in node.bases] == ["yaml.SafeLoader"]
    }
    safe |= {"yaml.SafeLoader", "yaml.CSafeLoader"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name in MODULES]
        elif isinstance(node, ast.ImportFrom):
            found += [node.module] * (node.module in MODULES)
            found += [f"{node.module}.{alias.name}" for alias in node.names if f"{node.module}.{alias.name}" in CALLS]
        elif isinstance(node, ast.Constant) and node.value == "0.0.0.0":
            found.append("serves everybody")
        elif isinstance(node, ast.Call):
            name, given = ast.unparse(node.func), {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            last = name.rpartition(".")[2]
            found += [name] * (name in CALLS)
            found += ["exec_module"] * (last == "exec_module")
            found += ["yaml.load"] * (name in ("yaml.load", "yaml.load_all") and given.get("Loader") not in safe)
            found += ["allow_pickle"] * (given.get("allow_pickle", "False") != "False")
            found += ["shell"] * (given.get("shell", "False") != "False")
            found += ["verify"] * (given.get("verify", "True") != "True")
            found += ["extractall"] * (last in ("extractall", "unpack_archive") and given.get("filter") != "'data'")
    return found


@pytest.mark.parametrize(
    "source",
    [
        "eval(text)", "exec(text)", "os.system(command)", "from os import system", "import pickle", "from pickle import loads", "import dill as d",
        "yaml.load(text)", "yaml.load(text, Loader=yaml.Loader)", "yaml.unsafe_load(text)", "np.load(path, allow_pickle=True)", "joblib.load(path)",
        "np.load(path, allow_pickle=flag)", "subprocess.run(command, shell=True)", "tar.extractall(path)", "shutil.unpack_archive(path)",
        "class L(yaml.Loader):\n    pass\nyaml.load(text, Loader=L)", "serve('0.0.0.0', 80)", "requests.get(url, verify=False)",
        "spec.loader.exec_module(module)", "tempfile.mktemp()",
    ],
)  # fmt: skip
def test_the_search_finds(source):
    assert sins(source)


@pytest.mark.parametrize(
    "source",
    [
        "model.eval()", "re.compile(x)", "yaml.safe_load(text)", "np.load(path)", "tar.extractall(path, filter='data')",
        "class L(yaml.SafeLoader):\n    pass\nyaml.load(text, Loader=L)", "tar.extractfile(member)", "database.execute(query)",
    ],
)  # fmt: skip
def test_the_search_passes(source):
    assert not sins(source)


def test_nothing_in_the_code_turns_data_into_code_or_serves_everybody():
    files = [*ROOT.glob("src/**/*.py"), *ROOT.glob("stages/*.py"), *ROOT.glob("benchmarks/*.py")]
    found = {(str(path.relative_to(ROOT)), sin) for path in files for sin in sins(path.read_text())}
    assert len(files) > 100 and found == ALLOWED


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system ['touch owned']", "!!python/name:os.system", "!!python/module:os"])
def test_a_yaml_tag_makes_no_object(tmp_path, monkeypatch, tag):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(f"seed: {tag}\n")
    with pytest.raises(ParamsError, match="not valid YAML: could not determine a constructor for the tag"):
        load(tmp_path / "params.yaml")
    assert not (tmp_path / "owned").exists()


def test_make_ui_serves_this_machine_only():
    printed = subprocess.run(["make", "--dry-run", "ui"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert re.search(r"^mlflow ui --host 127\.0\.0\.1 ", printed, re.MULTILINE)


def test_every_line_of_the_threat_model_names_tests_that_are_there():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "SECURITY.md").read_text())
    assert len(named) > 20
    for path, test in named:
        assert re.search(rf"(?m)^ *def {test}\(", (ROOT / path).read_text()), f"{path}::{test}"
