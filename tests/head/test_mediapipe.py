"""MediaPipe's audio classifier takes the file of 1 s: the real one, of its wheel.

Its Python package imports OpenCV, Matplotlib and a sound card's library for what it draws and
records; those are left out.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from head_sounds import ODD_LABELS, make_sound, write_folder

from frill import Head
from frill.cli import run

WHEEL = "mediapipe==1.2.2"
SCRIPT = """
import json, sys
from unittest.mock import MagicMock
for name in ("cv2", "matplotlib", "matplotlib.pyplot", "sounddevice"):
    sys.modules[name] = MagicMock()
import numpy as np
from mediapipe.tasks.python import BaseOptions, audio
from mediapipe.tasks.python.components.containers import AudioData
options = audio.AudioClassifierOptions(base_options=BaseOptions(model_asset_path=sys.argv[1]))
found = []
with audio.AudioClassifier.create_from_options(options) as classifier:
    samples = AudioData.create_from_array(np.load(sys.argv[2]), 16000)
    for result in classifier.classify(samples):
        (head,) = result.classifications
        shares = {each.category_name: each.score for each in head.categories}
        found.append([result.timestamp_ms, shares])
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def mediapipe(tmp_path_factory) -> Path:
    """Return a folder with MediaPipe alone."""
    folder = tmp_path_factory.mktemp("mediapipe")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    done = subprocess.run([*install, folder, WHEEL], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no package index with {WHEEL}: {done.stderr.strip().splitlines()[-1]}")
    return folder


@pytest.mark.slow
def test_every_second_gets_the_labels_that_the_head_gives(mediapipe, release, tmp_path):
    write_folder(tmp_path / "clips", ODD_LABELS, 6)
    out = tmp_path / "odd.tflite"
    run(["head", str(tmp_path / "clips"), "--model", str(release), "--out", str(out)])
    second = tmp_path / "odd_1s.tflite"
    clips = [make_sound(kind, 100 * kind) / 32767 for kind in range(4)]  # it was fitted to these
    np.save(tmp_path / "samples.npy", np.concatenate(clips))
    script = [sys.executable, "-c", SCRIPT, second, tmp_path / "samples.npy"]
    environment = {"PYTHONPATH": str(mediapipe), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(script, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    head = Head(second)
    assert [time_ms for time_ms, _ in found] == [0, 1000, 2000, 3000]
    for clip, (_, shares) in zip(clips, found, strict=True):
        windows = head.find_windows(clip.astype(np.float32))[0]
        expected = dict(zip(head.labels, windows.tolist(), strict=True))
        # It leaves out what is below the threshold in the metadata.
        least = head.about.window_threshold
        known = {label: share for label, share in expected.items() if share >= least}
        assert shares == pytest.approx(known, abs=1e-3)
    assert any(shares for _, shares in found)
