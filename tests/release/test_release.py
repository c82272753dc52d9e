"""release/: the files do what card and examples say, without TensorFlow too, in equal bytes."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import wave
from pathlib import Path

import numpy as np
import pytest
import tf_keras as keras
from example_results import student_result
from examples import speechlike, write_clips

from frill.audio import frontend
from frill.audio.clips import Clip
from frill.commands.release import FILES
from frill.errors import UserError
from frill.release.examples import render_examples
from frill.release.make import check_parity, choose_clips, write_models, write_texts
from frill.students.build import StudentSpec, build
from frill.students.convert import MODEL, convert, convert_with_frontend
from frill.students.weights import save_student

SPEC = StudentSpec("tiny", 0.5, "gap", None, False, 24)
NO_TENSORFLOW = """
import sys, runpy
sys.modules["tensorflow"] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""

MAKE = """
import sys
from pathlib import Path
from frill import tensorflow_setup
tensorflow_setup.set_up(threads=1, seed=17, onednn=1)
import test_release
from frill.students.build import build
test_release.make(build(test_release.SPEC, None), Path(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def student(short_backbone):
    return build(SPEC, None)


@pytest.fixture(scope="module")
def release(student, tmp_path_factory) -> Path:
    return make(student, tmp_path_factory.mktemp("release"))


def make(student, folder: Path) -> Path:
    save_student(student, SPEC, folder / "student")
    scored = convert(student, "float32", qat=False)
    (folder / MODEL).write_bytes(scored)
    out = folder / "release"
    write_models(student_result("one"), folder / "student", scored, "Apache-2.0", out)
    write_texts("# card\n", out)
    return out


def expected(student, samples: np.ndarray) -> np.ndarray:
    """Return what Keras makes of the numpy frontend's windows."""
    return student.predict(frontend.windows(samples)[..., None], verbose=0)


def test_both_signatures_of_the_saved_model_give_the_rows_of_keras(student, release):
    import tensorflow as tf

    clips = np.stack([speechlike(32000, seed) for seed in (1, 2)]) / np.float32(32768)
    loaded = tf.saved_model.load(str(release / "saved_model"))
    rows = np.concatenate([expected(student, clip) for clip in clips])
    flat = loaded.signatures["serving_default"](samples=tf.constant(clips))["embedding"].numpy()
    assert flat.shape == (2 * 7, 24)  # 7 windows in 2 s: frill.md of the published card
    np.testing.assert_allclose(flat, rows, atol=2e-3)
    timed = loaded.signatures["time_resolved"](samples=tf.constant(clips))["embedding"].numpy()
    np.testing.assert_array_equal(timed, flat.reshape(2, 7, 24))
    np.testing.assert_array_equal(loaded(tf.constant(clips))["embedding"], flat)


def test_the_python_example_runs_without_tensorflow(student, release, tmp_path):
    samples = speechlike(32000, 3)
    with wave.open(str(tmp_path / "speech.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples.tobytes())
    out = tmp_path / "out.npy"
    model = f"Path({str(release / 'frill.tflite')!r})"
    example = (release / "example.py").read_text()
    copy = release.parent / "copied.py"
    copy.write_text(
        example.replace('Path(__file__).parent / "frill.tflite"', model)
        + f"\n    np.save({str(out)!r}, embed(samples.astype(np.float32) / 32768))\n"
    )
    bare = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", NO_TENSORFLOW, copy, tmp_path / "speech.wav"],
        env=bare,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and done.stdout == "(7, 24)\n", done.stderr
    np.testing.assert_allclose(np.load(out), expected(student, samples), atol=2e-3)


def test_the_python_example_is_clean(tmp_path):
    example = render_examples(24)["example.py"]
    compile(example, "example.py", "exec")
    ruff = shutil.which(
        "ruff", path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    )
    if ruff is None:
        pytest.skip("ruff is not installed")
    (tmp_path / "example.py").write_text(example)
    done = subprocess.run(
        [ruff, "check", "--isolated", "--select", "E4,E7,E9,F,I,B,UP", "example.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_the_files_differ_from_the_converted_ones_in_metadata_only(student, release):
    from ai_edge_litert.interpreter import Interpreter

    window = frontend.windows(speechlike(16000))[..., None]
    outputs = []
    for path in (release.parent / "model.tflite", release / "frill_nofrontend.tflite"):
        interpreter = Interpreter(model_path=str(path))
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], window)
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    np.testing.assert_array_equal(*outputs)


@pytest.mark.parametrize("samples", [100, 16000, 32000, 48000, 160000])
def test_the_kotlin_examples_count_of_rows_is_the_frontends(samples):
    source = render_examples(24)["Frill.kt"]
    assert "const val VALUES = 24" in source and "const val SAMPLE_RATE_HZ = 16000" in source
    function = r"fun windows\(samples: Int\): Int \{\s+val (frames = .+)\s+return (.+)"
    body = re.search(function, source)
    rows = {"maxOf": max, "samples": samples}
    exec(body[1].replace("/", "//"), rows)  # Int division
    counted = eval(body[2].replace("/", "//"), rows)
    assert counted == len(frontend.windows(np.zeros(samples, np.int16)))


def test_the_command_knows_the_files_of_a_release(release):
    assert {path.name for path in release.iterdir()} == FILES


def test_every_file_is_under_checksums(release):
    lines = (release / "SHA256SUMS").read_text().splitlines()
    listed = dict(line.split("  ")[::-1] for line in lines)
    sums = {}
    for path in release.rglob("*"):
        if path.is_file() and path.name != "SHA256SUMS":
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            sums[str(path.relative_to(release))] = digest
    assert listed == sums
    models = {"frill.tflite", "frill_1s.tflite", "frill_nofrontend.tflite"}
    assert models | {"example.py", "Frill.kt", "MODEL_CARD.md"} < set(listed)


@pytest.mark.slow
def test_two_releases_of_one_student_have_equal_bytes(tmp_path):
    # In processes of their own, as the stage makes them: within one, TensorFlow numbers its
    # functions on.
    here = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": f"{here}{os.pathsep}{here.parent}"}
    sums = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        subprocess.run([sys.executable, "-c", MAKE, tmp_path / name], env=environment, check=True)
        sums.append((tmp_path / name / "release" / "SHA256SUMS").read_text())
    assert sums[0] == sums[1] and "saved_model/saved_model.pb" in sums[0]


def test_the_files_embed_real_clips_alike(release):
    clips = [speechlike(32000, seed) for seed in (1, 2)]
    parity = check_parity(student_result("one"), release, clips, 0.999)
    assert (parity["clips"], parity["windows"]) == (2, 14)
    assert 0.999 <= parity["min_cosine"] <= 1 + 1e-6


@pytest.mark.parametrize("name", ["frill.tflite", "frill_1s.tflite"])
def test_a_file_that_embeds_otherwise_than_the_scored_one_is_not_shipped(
    student, release, tmp_path, name
):
    """Its frontend's offset is another one, as if conversion had lost it."""
    out = tmp_path / "out"
    shutil.copytree(release, out)
    other = keras.models.clone_model(student)
    other.get_layer("rescale").offset += 1
    other.set_weights(student.get_weights())
    samples = 16000 if name == "frill_1s.tflite" else None
    (out / name).write_bytes(convert_with_frontend(other, "float32", False, samples))
    message = (
        rf"one: on a clip of a corpus .* of {name}, .* cosine -?0\.\d+ .* "
        "params.yaml: convert.min_cosine = 0.999"
    )
    with pytest.raises(UserError, match=message):
        check_parity(student_result("one"), out, [speechlike(32000, 1)], 0.999)
    assert not out.exists()


def test_clips_are_from_the_whole_of_every_corpus(tmp_path):
    for name, count in (("many", 40), ("few", 3)):
        clips = [Clip(f"{n}", np.full(16000, n, np.int16)) for n in range(count)]
        write_clips(tmp_path / name, clips)
    firsts = [clip[0] for clip in choose_clips([tmp_path / "many", tmp_path / "few"])]
    assert firsts == [*range(0, 32, 2), 0, 1, 2]
