"""The wheel installs and runs with numpy, LiteRT, soxr, soundfile and tqdm alone."""

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
        assert "which is not installed: uv pip install 'frill[pipeline]'" in said
        assert said.count("\n") == 1
