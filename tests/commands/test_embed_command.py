"""`frill embed` as its user calls it: what is in the file, what is said, how it exits."""

import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from examples import encode, speechlike, tone
from pipeline_project import ROOT

from frill import Embedder
from frill.audio.files import read_audio

STEREO = np.random.default_rng(0).uniform(-0.5, 0.5, (3 * 44100, 2))


@pytest.fixture
def folder(tmp_path):
    """Return a folder with in/: a.wav (3 s, 44.1 kHz, stereo), sub/b.FLAC (0.4 s), a text file."""
    (tmp_path / "in/sub").mkdir(parents=True)
    soundfile.write(tmp_path / "in/a.wav", STEREO, 44100)
    soundfile.write(tmp_path / "in/sub/b.FLAC", speechlike(6400), 16000, format="FLAC")
    (tmp_path / "in/notes.txt").write_text("not audio")
    return tmp_path


def frill(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "frill", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def test_files_and_folders(folder, pooling_models):
    model = pooling_models[0]
    done = frill(folder, "embed", "in", "in/a.wav", "-o", "out/e.npz", "--model", model)
    assert done.returncode == 0 and not done.stdout
    assert "embed: 100%" in done.stderr and "2/2" in done.stderr
    with np.load(folder / "out/e.npz") as npz:
        assert npz.files == ["in/a.wav", "in/sub/b.FLAC", "times_s"]  # once, though named twice
        for name, rows in (("in/a.wav", 12), ("in/sub/b.FLAC", 1)):  # 3 s: 12 windows, as published
            assert npz[name].shape == (rows, 8) and npz[name].dtype == np.float32
            expected = Embedder(model).embed(read_audio(folder / name))
            np.testing.assert_array_equal(npz[name], expected)
        np.testing.assert_allclose(npz["times_s"], [0.17 * i for i in range(12)])
    assert [path.name for path in (folder / "out").iterdir()] == ["e.npz"]


def test_hidden_files_links_and_names_that_are_no_utf8(folder, pooling_models):
    model = pooling_models[0]
    (folder / "in/._a.wav").write_bytes(b"\0\5\x16\7")  # as macOS puts beside a.wav
    (folder / "other").mkdir()
    name = os.fsencode(folder / "other") + b"/caf\xe9"
    wav = (folder / "in/a.wav").read_bytes()
    for content, suffix in ((wav, b".wav"), (b"none", b".m4a")):
        with open(name + suffix, "wb") as file:
            file.write(content)
    (folder / "in/link").symlink_to(folder / "other")
    (folder / "in/link/loop").symlink_to(folder / "in")
    done = frill(folder, "embed", "in", "-o", "e.npz", "--model", model)
    assert done.returncode == 1
    assert "in/link/caf\ufffd.m4a: unreadable" in done.stderr and "._a" not in done.stderr
    with np.load(folder / "e.npz") as npz:
        assert npz.files == ["in/a.wav", "in/link/caf\ufffd.wav", "in/sub/b.FLAC", "times_s"]


def test_a_pipe_is_read_and_a_name_of_the_outputs_is_refused(folder, pooling_models):
    command = f"cat in/a.wav | {sys.executable} -m frill embed /dev/stdin -o e.npz --model "
    done = subprocess.run(["sh", "-c", command + str(pooling_models[0])], cwd=folder)
    assert done.returncode == 0
    with np.load(folder / "e.npz") as npz:
        assert npz["/dev/stdin"].shape == (12, 8)
    (folder / "times_s").write_bytes((folder / "in/a.wav").read_bytes())
    done = frill(folder, "embed", "times_s", "-o", "e.npz", "--model", pooling_models[0])
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "times_s: the output has an array of this name; rename the file" in done.stderr


def test_channels_are_mixed(folder, pooling_models):
    done = frill(folder, "embed", "in/a.wav", "-o", "e.npz", "--model", pooling_models[0])
    assert done.returncode == 0
    expected = Embedder(pooling_models[0]).embed(STEREO.mean(axis=1), 44100)
    rounding = 1e-3 * np.abs(expected).max()  # to 16 bits
    with np.load(folder / "e.npz") as npz:
        np.testing.assert_allclose(npz["in/a.wav"], expected, atol=rounding)


def test_mean(folder, pooling_models):
    done = frill(folder, "embed", "in", "-o", "e.npz", "--mean", "--model", pooling_models[0])
    assert done.returncode == 0
    with np.load(folder / "e.npz") as npz:
        assert npz.files == ["in/a.wav", "in/sub/b.FLAC"]
        rows = Embedder(pooling_models[0]).embed(read_audio(folder / "in/a.wav"))
        np.testing.assert_allclose(npz["in/a.wav"], rows.sum(axis=0) / 12, rtol=1e-5, atol=1e-6)


def test_formats_of_ffmpeg(folder, pooling_models):
    (folder / "in/c.m4a").write_bytes(encode(tone(300, 44100, 2)[None], 44100, "mp4", "aac"))
    done = frill(folder, "embed", "in/c.m4a", "-o", "e.npz", "--model", pooling_models[0])
    assert done.returncode == 0
    with np.load(folder / "e.npz") as npz:
        assert npz["in/c.m4a"].shape == (7, 8)  # 2 s


def test_what_cannot_be_read_is_named_and_the_rest_is_done(folder, pooling_models):
    (folder / "in/bad.wav").write_bytes(b"RIFF....WAVEnothing of the kind")
    (folder / "in/empty.wav").write_bytes(b"")
    done = frill(folder, "embed", "in", "in/gone.wav", "-o", "e.npz", "--model", pooling_models[0])
    said = [line for line in done.stderr.splitlines() if line.startswith("frill: ")]
    assert done.returncode == 1 and "Traceback" not in done.stderr
    named = [line.split(": ")[1] for line in said[:3]]
    assert named == ["in/bad.wav", "in/empty.wav", "in/gone.wav"]
    assert "unreadable" in said[0] and "empty (0 bytes)" in said[1] and "no such file" in said[2]
    assert said[3] == "frill: e.npz lacks 3 of 5 files" and len(said) == 4
    with np.load(folder / "e.npz") as npz:
        assert npz.files == ["in/a.wav", "in/sub/b.FLAC", "times_s"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["in", "-o", "e.csv"], "--out = 'e.csv': expected a name that ends in .npz"),
        (["in/notes.txt", "-o", "e.npz"], "in/notes.txt: unreadable"),
        (
            ["in/notes.txt", "-o", "e.npz"],
            "none of the 1 files could be read; e.npz is not written",
        ),
        (
            ["silent", "-o", "e.npz"],
            "silent: no audio in this folder; expected files named .aac .aif",
        ),
        (
            ["in", "-o", "e.npz", "--model", "none.tflite"],
            "--model: none.tflite: no such file; `make repro` writes release/frill.tflite",
        ),
        (["in", "-o", "e.npz", "--model", "in/a.wav"], "--model: in/a.wav: "),
    ],
)
def test_nothing_is_written(folder, pooling_models, arguments, message):
    (folder / "silent").mkdir()
    model = [] if "--model" in arguments else ["--model", pooling_models[0]]
    done = frill(folder, "embed", *arguments, *model)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert message in done.stderr
    assert not list(folder.glob("e.*"))


def test_the_default_model_is_the_release(folder, pooling_models):
    (folder / "release").mkdir()
    (folder / "release/frill.tflite").write_bytes(pooling_models[0].read_bytes())
    assert frill(folder, "embed", "in", "-o", "e.npz").returncode == 0


def test_help_names_every_command(tmp_path):
    help_text = frill(tmp_path, "--help").stdout
    assert max(map(len, help_text.splitlines())) <= 100
    modules = (path.stem for path in (ROOT / "src/frill/commands").glob("*.py"))
    for command in set(modules) - {"__init__"}:
        assert f"\n  {command} " in help_text
        of_one = frill(tmp_path, command, "--help")
        assert of_one.returncode == 0, of_one.stderr
        assert of_one.stdout.startswith(f"usage: frill {command} ")


def test_help_needs_no_package(tmp_path):
    # -S: no site-packages at all, so that an import of any of them would fail.
    done = subprocess.run(
        [sys.executable, "-S", "-m", "frill", "--help"],
        cwd=ROOT / "src",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
