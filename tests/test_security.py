"""What SECURITY.md says of the code as a whole.

Nothing in it turns data into code, and nothing is served beyond this machine.
"""

import ast
import os
import re
import shutil
import subprocess
import sys

import pytest
from pipeline_project import ROOT

from frill.commands import ui
from frill.errors import UserError
from frill.params.load import ParamsError, load_params
from frill.tracking import store

# What a pipeline is tempted by, of https://docs.python.org/3/library/security_warnings.html, and
# what libraries make of pickles.
NAMES = re.compile(
    r"""(?x)
    (builtins\.)? (eval | exec | compile | __import__)
    | (.*\.)? (_?pickle | marshal | shelve | dill | cloudpickle) (\..*)?
    | (.*\.)? (
        os\.(system | popen) | subprocess\.(getoutput | getstatusoutput)
        | asyncio\.create_subprocess_shell | yaml\.(full_ | unsafe_)?load(_all)?
        | (joblib | torch)\.load | read_pickle | enable_unsafe_deserialization
        | run_path | exec_module | tempfile\.mktemp | ssl\._create_unverified_context
    )"""
)
# A host that is empty listens everywhere, as 0.0.0.0 and :: do.
ARGUMENTS = re.compile(
    r"(allow_pickle|shell)=(?!False$)|(safe_mode|verify)=(?!True$)|(host=|(\w+=)?\()'(::)?'(,|$)"
)
NEEDED = {"YAML": "typ='safe'", "extractall": "filter='data'", "unpack_archive": "filter='data'"}
ALLOWED = {
    # A teacher or baseline in Python is a file of the user's own, named in params.yaml to be run.
    ("src/frill/user_function.py", "module_spec.loader.exec_module"),
    # How Ray sends frill's own code to its workers; it reads nothing.
    ("src/frill/sweep/cluster.py", "ray.cloudpickle.register_pickle_by_value"),
}


class Search(ast.NodeVisitor):
    """Finds what a Python file holds of the above, in `sins`.

    It is what is written by habit, not what somebody hides (getattr).
    """

    def __init__(self, source: str):
        tree = ast.parse(source)
        self._imported = {}
        self.sins = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
                for alias in node.names:
                    name = module + alias.name
                    self._imported[alias.asname or alias.name] = name
                    self.sins += [name] * bool(NAMES.fullmatch(name))
        self.visit(tree)

    def _name(self, node: ast.expr) -> str:
        """Return a name in full: numpy.load for np.load."""
        first, dot, rest = ast.unparse(node).partition(".")
        return self._imported.get(first, first) + dot + rest

    def visit_Attribute(self, node):
        name = self._name(node)
        if NAMES.fullmatch(name):
            self.sins.append(name)
        else:
            self.generic_visit(node)

    visit_Name = visit_Attribute

    def visit_Call(self, node):
        name = self._name(node.func)
        arguments = [ast.unparse(argument) for argument in [*node.args, *node.keywords]]
        last = name.rpartition(".")[2]
        self.sins += filter(ARGUMENTS.match, arguments)
        if last in NEEDED and NEEDED[last] not in arguments:
            self.sins.append(name)
        if name == "numpy.load" and len(node.args) > 2:
            self.sins.append("allow_pickle")
        self.generic_visit(node)

    def visit_Constant(self, node):
        if node.value == "0.0.0.0":
            self.sins.append(node.value)


@pytest.mark.parametrize(
    "source",
    [
        "eval(text)",
        "exec(text)",
        "map(eval, lines)",
        "os.system(command)",
        "from os import system",
        "import os as o\no.system(command)",
        "from os import system as run",
        "import pickle",
        "import _pickle",
        "from pickle import loads",
        "import dill as d",
        "import cloudpickle",
        "from ray import cloudpickle",
        "import ray\nray.cloudpickle.loads(data)",
        "joblib.load(path)",
        "from joblib import load as read\nread(path)",
        "pd.read_pickle(path)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=flag)",
        "import numpy as np\nnp.load(path, None, True)",
        "from numpy import load\nload(path, None, flag)",
        "keras.models.load_model(path, safe_mode=False)",
        "runpy.run_path(path)",
        "spec.loader.exec_module(module)",
        "yaml.load(text)",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.unsafe_load(text)",
        "from ruamel import yaml as y\ny.load(text)",
        "YAML(typ='unsafe').load(text)",
        "YAML(typ=kind)",
        "import ruamel.yaml as r\nr.YAML(typ='full')",
        "from ruamel.yaml import YAML as Y\nY(typ='unsafe')",
        "subprocess.run(command, shell=True)",
        "tar.extractall(path)",
        "shutil.unpack_archive(path)",
        "tempfile.mktemp()",
        "requests.get(url, verify=False)",
        "serve('0.0.0.0', 80)",
        "ThreadingHTTPServer(('', 80), Handler)",
        "HTTPServer(server_address=('::', port))",
        "serve(host='')",
    ],
)
def test_the_search_finds(source):
    assert Search(source).sins


@pytest.mark.parametrize(
    "source",
    [
        "model.eval()",
        "re.compile(x)",
        "yaml.safe_load(text)",
        "import numpy as np\nnp.load(path, 'r')",
        "tar.extractall(path, filter='data')",
        "from ruamel.yaml import YAML\nYAML(typ='safe').load(text)",
        "tar.extractfile(member)",
        "database.execute(query)",
        "import os as o\no.getpid()",
        "np.load(path, allow_pickle=False)",
        "load_model(path, safe_mode=True)",
        "ThreadingHTTPServer(('127.0.0.1', 0), Handler)",
        "before, after = ('', text)",
        "words.append(('' + text).strip())",
        "text.replace(':', '::')",
    ],
)
def test_the_search_passes(source):
    assert not Search(source).sins


def test_nothing_in_the_code_turns_data_into_code_or_serves_everybody():
    files = [*ROOT.glob("src/**/*.py"), *ROOT.glob("stages/*.py"), *ROOT.glob("benchmarks/*.py")]
    sins = set()
    for path in files:
        sins |= {(str(path.relative_to(ROOT)), sin) for sin in Search(path.read_text()).sins}
    assert len(files) > 100
    assert sins == ALLOWED


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['touch owned']",
        "!!python/name:os.system",
        "!!python/module:os",
    ],
)
def test_a_yaml_tag_makes_no_object(tmp_path, monkeypatch, tag):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(f"seed: {tag}\n")
    sentence = "not valid YAML: could not determine a constructor for the tag"
    with pytest.raises(ParamsError, match=sentence):
        load_params(tmp_path / "params.yaml")
    assert not (tmp_path / "owned").exists()


def test_make_ui_serves_this_machine_only(tmp_path, monkeypatch):
    command = ["make", "--dry-run", "ui"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert re.search(r"(?m)^frill ui", done.stdout)
    started = []

    class Ended:
        def __init__(self, command, **_):
            started.extend(command)

        def poll(self):
            return 1

        terminate = wait = poll

    monkeypatch.setattr(ui.subprocess, "Popen", Ended)
    monkeypatch.setattr(store, "find_experiment_id", lambda _target: "1")
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    with pytest.raises(UserError, match="MLflow ended"):
        ui.run(None, None)
    assert started[started.index("--host") + 1] == "127.0.0.1"


SENDERS = """
import sys
from frill.tracking import store
with store.connect(sys.argv[1]):
    pass
from mlflow.telemetry.client import get_telemetry_client
print(get_telemetry_client())
from frill.sweep import cluster
from ray._common.usage import usage_lib
print(usage_lib.usage_stats_enabled())
from tensorflow_datasets.core.utils import gcs_utils
print(gcs_utils.is_dataset_on_gcs("mnist/3.0.1"))
from dvc.analytics import is_enabled
print(is_enabled())
"""


def test_no_library_reports_its_use_to_its_makers(tmp_path):
    """In an environment that names neither a test nor CI, where MLflow would stay silent anyway."""
    bare = {key: os.environ[key] for key in ("PATH", "HOME")}
    command = [sys.executable, "-c", SENDERS, f"sqlite:///{tmp_path}/mlflow.db"]
    done = subprocess.run(command, cwd=ROOT, env=bare, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-4:] == ["None", "False", "False", "False"]


def test_what_make_starts_does_not_report_either(tmp_path):
    (tmp_path / "show.mk").write_text("show:\n\t@printenv MLFLOW_DISABLE_TELEMETRY\n")
    files = ["--file", "Makefile", "--file", str(tmp_path / "show.mk")]
    command = ["make", "--no-print-directory", *files, "show"]  # CI's make starts this one
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "true\n"


def test_every_line_of_the_threat_model_names_tests_that_are_there():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "SECURITY.md").read_text())
    assert len(named) > 20
    for path, test in named:
        assert re.search(rf"(?m)^ *def {test}\(", (ROOT / path).read_text()), f"{path}::{test}"
