"""Hashes of what computes something: code, the files beside it, and the packages that it imports.

Every stage of dvc.yaml depends on the hash of its own code (frill.workflow.recipe), and files in
scratch/ are named by such hashes. A hash is of syntax trees: docstrings, comments and line breaks
do not count. It is the same on every Python from 3.11 on for which requirements.lock pins the same
packages. TensorFlow's are also those of requirements-gpu.lock, installed or not: two machines have
the same hashes.

No list of modules is written by hand: imports are followed, those inside of functions too.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from frill.scratch import content_hash, text_hash

PACKAGE = Path(__file__).resolve().parent
LOCK = PACKAGE.parents[1] / "requirements.lock"
GPU_LOCK = LOCK.with_name("requirements-gpu.lock")  # of the CUDA packages, which tensorflow loads
# These pass values on, and DVC tracks the values: a new key in params.yaml must retrain nobody.
# What only these import is left out with them. The number of workers changes no result.
LEFT_OUT = ("errors", "fingerprint", "params", "progress", "workers", "workflow")
# Fields of syntax trees that say how something is written.
FORM = {"ctx", "kind", "type_comment"}
# The installed packages that provide each name that can be imported.
_find_distributions = cache(packages_distributions)


@dataclass
class Sources:
    """What a hash is made of: Python `files`, other files beside them, and imported `packages`."""

    files: set[Path] = field(default_factory=set)
    data: set[Path] = field(default_factory=set)
    packages: set[str] = field(default_factory=set)


def hash_code(*roots: str | Path) -> str:
    """Return the sha256 of modules ("frill.students.distill"), scripts and all that they import.

    Raises FileNotFoundError for a module or a script that is not there.
    """
    sources = find_sources(*roots)
    lines = {f"{_name_file(path)} {read_source(path.read_bytes())[0]}" for path in sources.files}
    lines |= {f"{_name_file(path)} {content_hash(path)}" for path in sources.data}
    lines |= set(find_pins(sources.packages))
    return text_hash(*sorted(lines))


def find_sources(*roots: str | Path) -> Sources:
    """Return all that a hash of `roots` is made of.

    Packages are named as they are imported ("sklearn"), those of the standard library too.
    """
    sources = Sources()
    todo = [_find_file(root) if isinstance(root, str) else root for root in roots]
    while todo:
        path = todo.pop()
        if path in sources.files:
            continue
        sources.files.add(path)
        if path.is_relative_to(PACKAGE):
            sources.data |= set(_find_data(path))
        for module in read_source(path.read_bytes())[1]:
            if module.split(".")[0] == PACKAGE.name:
                todo += _find_files(module)
            else:
                sources.packages.add(module.split(".")[0])
    return sources


def find_pins(imported: set[str]) -> list[str]:
    """Return the lines "name==version" of the locks for imported packages, sorted.

    Where a lock has several pins of one package, it is the one for the running Python.
    """
    locked = _read_lock(LOCK.read_text())
    lines = set()
    for package in imported:
        names = [_normalise(package)]
        if names[0] not in locked:
            names = [_normalise(name) for name in _find_distributions().get(package, ())]
        lines |= {f"{name}=={locked[name]}" for name in names if name in locked}
    if "tensorflow" in imported:
        lines |= {
            f"{name}=={version}" for name, version in _read_lock(GPU_LOCK.read_text()).items()
        }
    return sorted(lines)


def _find_file(module: str) -> Path:
    files = _find_files(module)
    if not files:
        raise FileNotFoundError(f"no module {module} in {PACKAGE}")
    return files[-1]


def _find_files(module: str) -> list[Path]:
    """Return the files that importing a module of this package runs, its own last.

    A name within a module ("frill.scratch.text_hash") gives the module's. The package's own
    __init__.py is not among them: it holds the public names, each imported at its first use.
    """
    _, *parts = module.split(".")
    if parts and parts[0] in LEFT_OUT:
        return []
    files = []
    folder = PACKAGE
    for part in parts:
        own = folder / f"{part}.py"
        folder /= part
        path = own if own.exists() else folder / "__init__.py"
        if not path.exists():
            break
        files.append(path)
    return files


def _find_data(path: Path) -> Iterator[Path]:
    """Yield files that are not Python in a module's folder, and in folders in it that hold none."""
    for beside in path.parent.iterdir():
        if beside.name == "__pycache__" or beside.name.startswith(".") or beside.suffix == ".py":
            continue
        if beside.is_file():
            yield beside
        elif not any(beside.rglob("*.py")):
            yield from (each for each in beside.rglob("*") if each.is_file())


@cache
def read_source(source: bytes) -> tuple[str, frozenset[str]]:
    """Return a file's hash and the names of the modules that it imports."""
    tree = ast.parse(source)
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # Ruff refuses relative imports (TID252), so that node.module is never None.
            modules.add(node.module)
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return text_hash(write_tree(tree)), frozenset(modules)


def write_tree(value: object) -> str:
    """Return a syntax tree as text that is the same on every Python.

    ast.dump is not: 3.12 added a list of type parameters, 3.13 leaves out empty lists.
    """
    if isinstance(value, ast.JoinedStr):
        return f"JoinedStr({_write_list(_join_texts(value.values))})"
    if isinstance(value, ast.AST):
        fields = []
        for name, child in ast.iter_fields(value):
            if name not in FORM and child is not None and child != []:
                fields.append(f"{name}={write_tree(child)}")
        return f"{type(value).__name__}({','.join(fields)})"
    if isinstance(value, list):
        return _write_list([each for each in value if not _is_text(each)])
    return ascii(value)


def _write_list(values: list) -> str:
    return f"[{','.join(write_tree(each) for each in values)}]"


def _is_text(node: object) -> bool:
    """Tell whether a statement is a docstring, or another text that nothing is done with."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _join_texts(values: list[ast.expr]) -> list[ast.expr]:
    """Return the parts of an f-string, neighbouring texts as one, which 3.11 may leave apart."""
    joined: list[ast.expr] = []
    for value in values:
        is_constant = isinstance(value, ast.Constant)
        if is_constant and joined and isinstance(joined[-1], ast.Constant):
            value = ast.Constant(joined.pop().value + value.value)
        if not is_constant or value.value:
            joined.append(value)
    return joined


@cache
def _read_lock(text: str) -> dict[str, str]:
    """Return the version of each package in the text of a requirements.lock."""
    from packaging.requirements import Requirement

    versions = {}
    for line in re.findall(r"(?m)^\w.*?(?= *\\?$)", text):
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate():
            versions[_normalise(requirement.name)] = str(requirement.specifier).lstrip("=")
    return versions


def _normalise(name: str) -> str:
    """Return a package's name as in requirements.lock: scikit_learn is scikit-learn (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _name_file(path: Path) -> str:
    inside = path.is_relative_to(PACKAGE)
    return path.relative_to(PACKAGE.parent).as_posix() if inside else path.name
