"""Which modules a stage imports, directly or through others: what dvc.yaml has to list under its deps.

python tests/code_dependencies.py          rewrites the lists in dvc.yaml and stages/dvc.yaml
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
FILES = [ROOT / "dvc.yaml", ROOT / "stages/dvc.yaml"]
# Imported by all, and unable to change what a stage computes from the values it is given: those values DVC tracks as params and cmd.
PLUMBING = {"errors", "params", "progress", "stage"}
# Read as data.
DATA = {"report/page": [f"src/frill/report/page.{kind}" for kind in ("css", "html", "js")], "corpora/synthetic_voices": ["src/frill/corpora/texts"]}
DATA |= {"tracking/registry": ["src/frill/tracking/waveform_model.py"]}
# recipe.py lists the code of another stage, whose students depend on what it writes.
RECIPE = r"python stages/recipe\.py (\w+)"
# download.py serves all sources and imports the one it is asked for, a stage each.
LOADERS = {"espeak": "corpora/synthetic", "folder": "corpora/folder", "audioset": "corpora/audioset"}
LOADERS |= {"tfrecord": "corpora/tfrecord", "webdataset": "corpora/webdataset", "tfds": "corpora/tfds"}
# The teacher stage depends on its trainer where teacher.source names it.
EXCLUDED = {"teacher": {"teacher/triplet"}}
EXCLUDED |= {f"download_{source}": set(LOADERS.values()) - {loader} for source, loader in LOADERS.items()}


def stage_code(stage: str, script: Path) -> list[str]:
    """Paths of the script and of every frill module it can import, sorted, relative to the project."""
    found, todo = set(), _imports(script)
    while todo:
        name = todo.pop()
        if name in found or name.split("/")[0] in PLUMBING or name in EXCLUDED.get(stage, ()):
            continue
        found.add(name)
        todo |= _imports(_file(name))
    files = {str(_file(name).relative_to(ROOT)) for name in found if _file(name).stat().st_size}
    data = {path for name in found for path in DATA.get(name, [])}
    return sorted({str(script.relative_to(ROOT))} | files | data)


def _file(name: str) -> Path:
    module = SOURCE / "frill" / f"{name}.py"
    return module if module.exists() else SOURCE / "frill" / name / "__init__.py"


def _imports(path: Path) -> set[str]:
    """Names such as noss/embed of the frill modules imported anywhere in a file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for module in modules:
            name = module.removeprefix("frill.").replace(".", "/")
            if module.startswith("frill.") and _file(name).exists():
                names.add(name)
    return names


def rewritten(text: str) -> str:
    """dvc.yaml's text with every stage's code dependencies as they should be."""
    parts = re.split(r"(?m)^(?=  \w+:\n)", text)
    with_recipe = set(re.findall(RECIPE, text))
    return "".join(_rewrite_stage(part, with_recipe) for part in parts)


def _rewrite_stage(part: str, with_recipe: set[str]) -> str:
    """A stage's part of dvc.yaml. The code of a stage that has a recipe stands in its recipe's list."""
    stage = part.split(":")[0].strip()
    script = re.search(RECIPE, part) or re.search(r"python stages/(\w+)\.py", part)
    if not script or stage in with_recipe:
        return part
    part = re.sub(r"(?m)^ +- (src/frill/|stages/).*\n", "", part)
    lines = "".join(f"\\g<1>- {path}\n" for path in stage_code(stage, ROOT / f"stages/{script[1]}.py"))
    return re.sub(r"(?m)^( +)deps:\n", rf"\g<0>{lines}", part, count=1)


if __name__ == "__main__":
    for path in FILES:
        path.write_text(rewritten(path.read_text()))
