"""benchmarks/ is run by hand and rarely: each script still has to start and say what it takes."""

import subprocess
import sys

import pytest
from pipeline_project import ROOT


@pytest.mark.slow
@pytest.mark.parametrize(
    "script", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.stem
)
def test_starts(script):
    done = subprocess.run(
        [sys.executable, script, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout
