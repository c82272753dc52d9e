"""Kotlin's compiler and a JVM on all Kotlin that frill has, against stubs of Android's classes.

Debian's compiler is 1.3.31. What it cannot say: whether Gradle, Android and LiteRT take them.
"""

import shutil
import subprocess
from pathlib import Path

import pytest
from head_sounds import ODD_LABELS, write_folder
from pipeline_project import ROOT

from frill import Head
from frill.audio import frontend
from frill.cli import run
from frill.release.examples import render_examples

APP = ROOT / "examples/android/app/src/main"
STUBS = Path(__file__).parent / "android"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def printed(release, tmp_path_factory) -> tuple[list[str], Head]:
    """Return what Main.kt prints, and the head that it was compiled with."""
    if not (shutil.which("kotlinc") and shutil.which("java")):
        pytest.skip("no Kotlin: install Debian's packages kotlin and default-jre-headless")
    folder = tmp_path_factory.mktemp("kotlin")
    write_folder(folder / "clips", ODD_LABELS, 4)
    out = folder / "my-sounds 2.tflite"
    run(["head", str(folder / "clips"), "--model", str(release), "--out", str(out)])
    (folder / "Frill.kt").write_text(render_examples(24)["Frill.kt"])
    sources = [*APP.rglob("*.kt"), *STUBS.glob("*.kt"), *folder.glob("*.kt")]
    jar = folder / "all.jar"
    compiler = ["kotlinc", "-nowarn", "-include-runtime", "-d", jar, *sources]
    done = subprocess.run(compiler, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    java = ["java", "-Dfile.encoding=UTF-8", "-cp", jar, "MainKt", out]
    done = subprocess.run(java, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), Head(out)


def find(lines: list[str], word: str) -> list[str]:
    return [line.partition(" ")[2] for line in lines if line.startswith(f"{word} ")]


def test_labels_are_those_of_the_file(printed):
    lines, head = printed
    assert find(lines, "example") == find(lines, "file") == head.labels == sorted(ODD_LABELS)
    (thresholds,) = find(lines, "thresholds")
    of_clip, of_window = map(float, thresholds.split())
    assert of_clip == pytest.approx(head.about.threshold, abs=1e-6)
    assert of_window == pytest.approx(head.about.window_threshold, abs=1e-6)
    assert find(lines, "unknown") == ["null null"]
    assert find(lines, "best") == [head.labels[2]]


def test_numbers_are_the_frontends(printed):
    lines, _ = printed
    counts = [line.split() for line in find(lines, "windows")]
    for samples, head_rows, rows in counts:
        assert int(head_rows) == int(rows) == frontend.count_windows(int(samples))
    hop = frontend.WINDOW_HOP_SAMPLES
    assert find(lines, "frontend") == [f"16000 {frontend.MIN_SAMPLES} {hop}"]


def test_the_listener_hears_the_last_second_every_170_ms(printed):
    """The stub's microphone counts: six blocks of 2,720 fill a second, each more moves it on."""
    lines, _ = printed
    assert find(lines, "full") == ["false"]
    assert find(lines, "ring") == ["true 3.0 4.0 5.0 6.0 7.0"]
    assert find(lines, "heard") == ["320.0 16319.0", "3040.0 19039.0"]
