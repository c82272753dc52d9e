"""The blocks of code in README and docs: what a reader would type, and where it is tried."""

import re
import textwrap

from pipeline_project import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
PAGES += [*sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("examples/*/README.md"))]
# Blocks that something else tries, in its own words: by page and what they begin with.
ELSEWHERE = {
    ("README.md", "make quick"): ".ci/run",
    ("README.md", "git clone ADDRESS frill"): ".ci/run",
    ("README.md", "make repro PRESET=folders"): "tests/workflow/test_overlay.py",
    ("docs/results/real.md", "make repro PRESET=folders"): "tests/workflow/test_overlay.py",
    ("CONTRIBUTING.md", "make .venv/ready"): ".ci/run",
    ("docs/gpu.md", "make repro GPU=1"): "tests/test_gpus.py",
    ("docs/slurm.md", "mkdir -p logs"): "tests/sweep/test_slurm.py",
    ("docs/head.md", "frill head"): "tests/head/test_head_documented.py",
    ("docs/head.md", "from frill import Head"): "tests/head/test_head_documented.py",
    ("docs/browser.md", "frill benchmark"): "tests/in_browser/test_benchmark_page.py",
    ("examples/web/README.md", "cd examples/web"): "tests/web_example/test_web_example.py",
    ("docs/mlflow.md", "make ui"): "tests/tracking/test_tracking_server.py",
    (
        "docs/mlflow.md",
        "model = mlflow.pyfunc.load_model",
    ): "tests/tracking/test_tracking_server.py",
    ("docs/pixel.md", "frill devices"): "tests/device/test_in_the_graph.py",
    ("docs/pixel.md", "frill benchmark models"): "tests/device/test_in_the_graph.py",
    ("docs/pixel.md", "frill benchmark release"): "tests/device/test_in_the_graph.py",
    ("docs/remotes.md", "git clone ADDRESS"): "tests/pipeline/test_remotes.py",
    ("docs/remotes.md", "dvc remote add --default store s3"): "tests/pipeline/test_remotes.py",
    ("docs/remotes.md", "dvc remote modify --local"): "tests/pipeline/test_remotes.py",
    ("docs/sweep.md", "frill repro"): "tests/pipeline/test_jobs.py",
    ("docs/sweep.md", "export RAY_AUTH_MODE"): "tests/pipeline/test_sweep.py",
    ("docs/teacher.md", "# my_teacher.py"): "tests/pipeline/test_python_teacher.py",
    ("docs/teacher.md", "# teacher.source: onnx"): "tests/pipeline/test_python_teacher.py",
}


def read_blocks(page: str) -> list[str]:
    """Return a page's blocks of code: what is indented by four, and what is fenced as Python."""
    text = (ROOT / page).read_text()
    fenced = re.findall(r"(?ms)^```python\n(.*?)^```", text)
    text = re.sub(r"(?ms)^```.*?^```", "", text)
    indented = re.findall(r"(?m)(?:^ {4}.*\n|^\n(?= {4}))*^ {4}.*$", text)
    return fenced + [textwrap.dedent(block).strip("\n") for block in indented]


def read_block(page: str, first: str) -> str:
    """Return the one block of a page that begins with `first`."""
    (block,) = [block for block in read_blocks(page) if block.startswith(first)]
    return block


def read_commands(page: str, first: str) -> list[str]:
    """Return the lines of a block without their comments."""
    lines = [line.partition("  #")[0].strip() for line in read_block(page, first).splitlines()]
    return [line for line in lines if line and not line.startswith("#")]
