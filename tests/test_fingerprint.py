"""Hashes of code change with what the code does and with what it imports, and with nothing else."""

import json
import shutil

import other_pythons
import pytest
from pipeline_project import ROOT

from frill import fingerprint
from frill.fingerprint import find_pins, find_sources, hash_code, read_source

MODULE = '''"""Adds."""
import math
from frill import other


def add(a: int, b: int = 1) -> int:
    """Return the sum."""
    return a + b + other.THREE  # always
'''
SAME = """import math

from frill import other

def add(a: int,
        b: int = 0x1) -> int:
    "Return what a and b are together."
    return (a + b
            + other.THREE)
"""
LOCKED = """numpy==1.0 ; python_full_version < '3.11' \\
    --hash=sha256:0
numpy==2.0 ; python_full_version >= '3.11' \\
    --hash=sha256:1
scikit-learn==1.5 \\
    --hash=sha256:2
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Make a package frill of two modules, one of which imports the other."""
    folder = tmp_path / "src/frill"
    folder.mkdir(parents=True)
    (folder / "adding.py").write_text(MODULE)
    (folder / "other.py").write_text("THREE = 3\n")
    (tmp_path / "requirements.lock").write_text(LOCKED)
    monkeypatch.setattr(fingerprint, "PACKAGE", folder)
    monkeypatch.setattr(fingerprint, "LOCK", tmp_path / "requirements.lock")
    (tmp_path / "requirements-gpu.lock").write_text(
        "nvidia-cudnn-cu12==9.1 \\\n    --hash=sha256:3\n"
    )
    monkeypatch.setattr(fingerprint, "GPU_LOCK", tmp_path / "requirements-gpu.lock")
    return folder


def test_form_docstrings_and_comments_do_not_count(package):
    before = hash_code("frill.adding")
    (package / "adding.py").write_text(SAME)
    assert hash_code("frill.adding") == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("b: int = 1", "b: int = 2"),
        ("a + b", "b + a"),
        ("def add", "def plus"),
        ("import math\n", ""),
    ],
)
def test_what_the_code_does_counts(package, old, new):
    before = hash_code("frill.adding")
    (package / "adding.py").write_text(MODULE.replace(old, new))
    assert hash_code("frill.adding") != before


def test_what_is_imported_counts_also_from_within_a_function(package, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("def run():\n    from frill.adding import add\n    add(1)\n")
    before = [hash_code(script), hash_code("frill.adding"), hash_code("frill.other")]
    (package / "other.py").write_text("THREE = 4\n")
    after = [hash_code(script), hash_code("frill.adding"), hash_code("frill.other")]
    assert [old != new for old, new in zip(before, after, strict=True)] == [True, True, True]
    (package / "adding.py").write_text(MODULE.replace("a + b", "a - b"))
    again = [hash_code(script), hash_code("frill.adding"), hash_code("frill.other")]
    assert [old != new for old, new in zip(after, again, strict=True)] == [True, True, False]


@pytest.mark.parametrize("name", fingerprint.LEFT_OUT)
def test_what_passes_values_on_is_left_out_with_what_it_imports(package, name):
    (package / "adding.py").write_text(f"from frill.{name} import x\n")
    (package / f"{name}.py").write_text("from frill import other\n")
    assert find_sources("frill.adding").files == {package / "adding.py"}


def test_a_package_on_the_way_to_a_module_counts(package):
    room = package / "room"
    room.mkdir()
    (room / "__init__.py").write_text("ONE = 1\n")
    (room / "module.py").write_text("")
    (package / "__init__.py").write_text("from frill import other\n")  # the public names
    (package / "adding.py").write_text("import frill.room.module\n")
    files = find_sources("frill.adding").files
    assert files == {package / "adding.py", room / "__init__.py", room / "module.py"}


def test_files_beside_a_module_count(package):
    room = package / "room"
    (room / "texts").mkdir(parents=True)
    (room / "inner").mkdir()
    (room / "__pycache__").mkdir()
    for path in (
        "page.py",
        "page.css",
        "texts/a.txt",
        "inner/module.py",
        "inner/other.css",
        "__init__.py",
    ):
        (room / path).write_text("")
    (room / "__pycache__/page.pyc").write_bytes(b"0")
    assert find_sources("frill.room.page").data == {room / "page.css", room / "texts/a.txt"}
    before = hash_code("frill.room.page")
    (room / "texts/a.txt").write_text("another")
    assert hash_code("frill.room.page") != before


def test_pins_are_those_of_this_python_for_what_is_imported(package):
    assert find_pins({"numpy", "sklearn", "math"}) == ["numpy==2.0", "scikit-learn==1.5"]


def test_tensorflows_pins_are_those_of_its_cuda_packages_too(package):
    assert find_pins({"tensorflow"}) == ["nvidia-cudnn-cu12==9.1"]  # itself is not locked here
    (package / "other.py").write_text("import sklearn.linear_model\n")
    before = hash_code("frill.adding")
    fingerprint.LOCK.write_text(LOCKED.replace("numpy==2.0", "numpy==2.1"))
    assert hash_code("frill.adding") == before
    fingerprint.LOCK.write_text(LOCKED.replace("scikit-learn==1.5", "scikit-learn==1.6"))
    assert hash_code("frill.adding") != before


def test_a_module_that_is_not_there_is_an_error(package, tmp_path):
    with pytest.raises(FileNotFoundError):
        hash_code("frill.nowhere")
    with pytest.raises(FileNotFoundError):
        hash_code(tmp_path / "nowhere.py")


# What changed in ast between 3.11 and 3.13: type parameters, empty lists, parts of f-strings.
TRICKY = """
class A:
    def f(self, *args, **kwargs): ...
x = {**{}, "a": None, b"\\x00": 1e400, "\\u1f9e6\\U0001fae8": 10**30}
y = f"{x!r:>{len(x)}} one" " two" f"{x:}{1:.2f}{{}}" f"" f"{x=}"
match x:
    case {"a": None, **rest} if rest: pass
    case [1, *_] | A(f=2): del y
async def g(): return [i async for i in h() if i] or (lambda: (yield))
try: pass
except* ValueError: raise
"""
PRINT = """
import json, pathlib, sys
sys.path.insert(0, SOURCE)
from frill.fingerprint import read_source
paths = sorted(pathlib.Path(SOURCE).rglob("*.py"))
print(json.dumps({p.relative_to(SOURCE).as_posix(): read_source(p.read_bytes())[0] for p in paths}))
"""


@pytest.mark.parametrize("version", other_pythons.PYODIDE)
def test_hashes_are_the_same_on_other_pythons(version, tmp_path):
    folder = tmp_path / "src"
    shutil.copytree(ROOT / "src/frill", folder / "frill")
    (folder / "tricky.py").write_text(TRICKY)
    try:
        hashes = json.loads(other_pythons.run(version, folder, PRINT))
    except other_pythons.Unavailable as error:
        pytest.skip(str(error))
    assert len(hashes) > 50
    assert hashes == {path: read_source((folder / path).read_bytes())[0] for path in hashes}
