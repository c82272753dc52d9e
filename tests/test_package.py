"""The wheel installs and runs with numpy, LiteRT, soxr, soundfile and tqdm alone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
CHECK = """
import sys, numpy as np, soundfile, frill, frill.hear
embedder = frill.Embedder(sys.argv[1])
print(embedder.embed(np.zeros(44100, np.float32), sample_rate_hz=44100).shape)
soundfile.write("a.wav", np.zeros(44100), 44100)
model = frill.hear.load_model(sys.argv[1])
print(frill.hear.get_scene_embeddings(np.zeros((2, 16000), np.float32), model).shape)
heavy = {"tensorflow", "torch", "yaml", "pydantic", "espeakng_loader", "sklearn", "scipy"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""


@pytest.mark.slow
def test_wheel_runs_in_a_bare_environment(tmp_path, pooling_models):
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    assert uv, "`make test` installs uv into the environment"

    def run(*command, returns=0):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == returns, done.stderr
        return done.stderr if returns else done.stdout

    run(uv, "build", "--quiet", "--wheel", "--out-dir", str(tmp_path), str(ROOT))
    run(uv, "venv", "--quiet", "--python", sys.executable, "bare")
    wheel = str(next(tmp_path.glob("frill-*.whl")))
    run(uv, "pip", "install", "--quiet", "--python", "bare/bin/python", wheel)
    installed = run(uv, "pip", "list", "--python", "bare/bin/python")
    assert "tensorflow" not in installed and "espeakng" not in installed
    model = str(pooling_models[0])
    assert run("bare/bin/python", "-c", CHECK, model) == "(1, 8)\n(2, 8)\n"
    assert "\n  embed " in run("bare/bin/frill", "--help")
    run("bare/bin/frill", "embed", "a.wav", "-o", "a.npz", "--model", model)
    with np.load(tmp_path / "a.npz") as embeddings:
        assert embeddings["a.wav"].shape == (1, 8)
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    said = run("bare/bin/frill", "embed", "a.m4a", "-o", "b.npz", "--model", model, returns=1)
    assert "a.m4a: needs PyAV to read mp4: uv pip install av" in said
    for command in ("check", "demo", "plan", "repro", "grid", "devices"):
        said = run("bare/bin/frill", command, returns=1)
        assert "which is not installed: in a clone of frill, uv pip install '.[pipeline]'" in said
        assert said.count("\n") == 1


def make_environment(folder: Path, *programs: str) -> subprocess.CompletedProcess:
    """Run what `make` begins with where the PATH has these programs alone."""
    (folder / "bin").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("make", "sh", *programs):
        (folder / "bin" / name).symlink_to(FOUND.get(name) or shutil.which(name))
    make = [folder / "bin/make", ".venv/bin/uv"]
    environment = os.environ | {"PATH": str(folder / "bin")}
    return subprocess.run(make, cwd=folder, env=environment, capture_output=True, text=True)


FOUND = {
    "uv": Path(sys.executable).with_name("uv"),
    "python3": Path(sys.base_prefix) / "bin/python3.11",
}


@pytest.mark.slow
def test_uv_finds_or_fetches_a_python_that_is_not_named_python311(tmp_path):
    done = make_environment(tmp_path / "with", "uv", "python3")
    assert done.returncode == 0, done.stderr
    version = [tmp_path / "with/.venv/bin/python", "-c", "import sys; print(sys.version_info[:2])"]
    assert subprocess.run(version, capture_output=True, text=True).stdout == "(3, 11)\n"
    done = make_environment(tmp_path / "without", "python3")
    assert done.returncode == 2
    said = done.stderr.splitlines()
    assert said[0].startswith("python3.11 is not there: install Python 3.11, or uv")
    assert len(said) == 2 and "Error 1" in said[1]
