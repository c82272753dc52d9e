"""`frill head` as users type it: folders and CSVs in, files out."""

import csv
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from examples import write_clips
from head_sounds import ODD_LABELS, make_sound, write_folder, write_wav
from scipy.special import softmax

from frill import Embedder, Head
from frill.audio.clips import Clip, ClipStore
from frill.cli import run
from frill.head.clips import Labelled, read_labelled
from frill.head.make import make_head
from frill.head.source import read_source
from frill.head.write import name_files
from frill.noss.score import score_task
from frill.params.schema import Noss
from frill.students.build import StudentSpec, build
from frill.students.weights import save_student


@pytest.fixture(scope="module")
def odd(release, tmp_path_factory) -> Path:
    """Return a finished head with odd labels, made of few clips."""
    folder = tmp_path_factory.mktemp("odd")
    write_folder(folder / "clips", ODD_LABELS, 6, 30000)
    out = folder / "my-sounds 2.tflite"
    assert run(["head", str(folder / "clips"), "--model", str(release), "--out", str(out)]) == 0
    return out


def read_constants(path: Path) -> dict[str, np.ndarray]:
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    tensors = {each["name"]: each["index"] for each in interpreter.get_tensor_details()}
    names = ("head/weights", "head/bias")
    return {name: np.array(interpreter.get_tensor(tensors[name])) for name in names}


def test_the_files_equal_embedder_and_weights_in_numpy(odd, release):
    embedder = Embedder(release / "frill.tflite")
    constants = read_constants(odd)
    about = Head(odd).about
    ratio = about.window_temperature / about.clip_temperature
    for kind, samples in enumerate((9000, 16000, 100000)):
        clip = make_sound(kind, 7, samples)
        rows = embedder.embed(clip)
        scores = rows @ constants["head/weights"].T + constants["head/bias"]
        expected = softmax(ratio * scores.mean(axis=0))
        for path in (odd, odd.with_name(f"{odd.stem}_1s.tflite")):
            head = Head(path)
            windows = head.find_windows(clip)
            np.testing.assert_allclose(windows, softmax(scores, axis=1), atol=1e-4)
            shares = head.classify(clip)
            assert list(shares.values()) == sorted(shares.values(), reverse=True)
            found = [shares[label] for label in head.labels]
            np.testing.assert_allclose(found, expected, atol=1e-4)


def test_sounds_are_named_and_streams_give_the_rows_of_the_whole(odd):
    head = Head(odd)
    assert head.labels == sorted(ODD_LABELS)
    for kind, label in enumerate(ODD_LABELS):
        assert next(iter(head.classify(make_sound(kind, 99, 30000)))) == label
    clip = make_sound(1, 5, 50000)
    stream = head.stream()
    rows = [*map(stream.push, np.array_split(clip, 9)), stream.finish()]
    np.testing.assert_array_equal(np.concatenate(rows), head.find_windows(clip))


def test_everything_is_written_and_under_checksums(odd):
    lines = (odd.with_name("my-sounds 2_SHA256SUMS")).read_text().splitlines()
    sums = dict(line.split("  ", 1)[::-1] for line in lines)
    endings = [".tflite", "_1s.tflite", ".json", "_card.md", "_example.py"]
    assert sums.keys() == {f"my-sounds 2{ending}" for ending in endings} | {"MySounds2.kt"}
    for name, digest in sums.items():
        assert hashlib.sha256(odd.with_name(name).read_bytes()).hexdigest() == digest


def test_the_card_says_what_the_json_says(odd):
    content = json.loads(odd.with_suffix(".json").read_text())
    card = odd.with_name("my-sounds 2_card.md").read_text()
    assert content["labels"] == sorted(ODD_LABELS) and content["clips"] == 24
    measured = content["measured"]
    assert np.sum(measured["confusion"]) == measured["clips"] == 24
    assert f"| accuracy | {measured['accuracy']:.1f} (95 % interval" in card
    decision = content["decision"]
    assert f"below {decision['threshold']:.3f} is" in card
    assert f"a single window whose greatest is below {decision['window_threshold']:.3f}." in card
    about = Head(odd).about
    assert about.window_threshold == decision["window_threshold"]
    assert "embeddings of small_gap: a non-semantic speech embedding" in card
    assert "The smallest class has 6 clips: believe the interval" in card
    confusion = card.partition("True classes")[2]
    rows = [line for line in confusion.splitlines() if re.match(r"\| \d ", line)]
    assert len(rows) == 4 and "\\|x" in rows[-1]
    low, high = measured["interval"]
    assert 0 <= low <= measured["accuracy"] <= high <= 100


def test_the_python_example_prints_what_the_head_says(odd, tmp_path):
    clip = make_sound(2, 50, 30000)
    write_wav(tmp_path / "sound.wav", clip)
    example = odd.with_name("my-sounds 2_example.py")
    done = subprocess.run(
        [sys.executable, str(example), str(tmp_path / "sound.wav")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    first, *_ = done.stdout.splitlines()
    share, label = first.split("  ", 1)
    expected = Head(odd).classify(clip / np.float32(32768))
    assert label == ODD_LABELS[2] == next(iter(expected))
    assert float(share) == pytest.approx(expected[label], abs=6e-4)


def test_labels_stand_in_the_zip_behind_the_model(odd):
    for path in (odd, odd.with_name("my-sounds 2_1s.tflite")):
        with zipfile.ZipFile(path) as archive:
            assert archive.read("labels.txt").decode().splitlines() == sorted(ODD_LABELS)
            assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


def test_equal_clips_give_equal_models(odd, release, tmp_path):
    clips = str(odd.parent / "clips")
    again = tmp_path / "my-sounds 2.tflite"
    run(["head", clips, "--model", str(release), "--out", str(again)])
    for ending in (".tflite", "_1s.tflite"):
        other = odd.with_name(f"{odd.stem}{ending}")
        assert again.with_name(f"{again.stem}{ending}").read_bytes() == other.read_bytes()


def test_a_csv_with_names_of_its_own(release, tmp_path, capsys):
    write_folder(tmp_path / "audio", ["a", "b"], 12)
    with open(tmp_path / "list.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "word", "part"])
        for label in "ab":
            for clip in range(12):
                part = "teach" if clip < 6 else "dev" if clip < 9 else "exam"
                writer.writerow([f"{label}/{clip}.wav", {"a": "yes", "b": "no"}[label], part])
    out = tmp_path / "word.tflite"
    arguments = ["head", str(tmp_path / "audio"), "--csv", str(tmp_path / "list.csv")]
    arguments += ["--columns", "file=path", "label=word", "split=part", "--model", str(release)]
    arguments += ["--splits", "train=teach", "validation=dev", "test=exam", "--out", str(out)]
    assert run(arguments) == 0
    assert Head(out).labels == ["no", "yes"]
    content = json.loads(out.with_suffix(".json").read_text())
    assert (content["fitted_clips"], content["measured"]["clips"]) == (12, 6)
    assert content["measured"]["unheard"] is None
    assert "held out by its split" in capsys.readouterr().out


def test_a_task_of_the_project_ships_its_head(release, tmp_path, monkeypatch):
    """Its accuracy is scoring's of the same embeddings, its clips those of data/task."""
    clips = []
    for kind, label in enumerate(["a", "b", "c"]):
        for number in range(10):
            sound = make_sound(kind, 100 * kind + number)
            fold = str(number % 5)
            clips.append(Clip(f"{label}{number}", sound, label=label, fold=fold, speaker=fold))
    write_clips(tmp_path / "data/task/mood", clips)
    monkeypatch.chdir(tmp_path)
    assert run(["head", "--task", "mood", "--model", str(release), "--out", "mood.tflite"]) == 0
    measured = json.loads(Path("mood.json").read_text())["measured"]
    embedder = Embedder(release / "frill.tflite")
    x = np.array([embedder.embed(clip.samples).mean(axis=0) for clip in clips])
    rows = ClipStore(Path("data/task/mood")).rows
    settings = Noss(
        protocol=["fast"], forests=0, probes=["ridge", "lda"], pooling="mean", validation_share=0.2
    )
    scored = score_task(x, rows, settings, 17)
    assert measured["accuracy"] == scored.test_accuracy
    assert measured["interval"] == scored.test_interval


def test_a_clip_without_a_speaker_makes_the_interval_one_over_clips(release, tmp_path, capsys):
    write_folder(tmp_path / "clips", ["a", "b"], 6)
    lines = ["file,label,speaker"]
    for label in "ab":
        lines += [f"{label}/{clip}.wav,{label},s{clip // 2}" for clip in range(6)]
    lines[1] = "a/0.wav,a,"
    (tmp_path / "list.csv").write_text("\n".join(lines))
    arguments = ["head", str(tmp_path / "clips"), "--csv", str(tmp_path / "list.csv")]
    run([*arguments, "--model", str(release), "--out", str(tmp_path / "x.tflite")])
    printed = capsys.readouterr().out
    assert "in 5 folds by recordings" in printed
    assert "  speakers     3 in training and test" in printed
    card = (tmp_path / "x_card.md").read_text()
    assert ", over clips) |" in card
    assert "\n3 speakers have clips in training and in test: of speakers it never heard" in card


@pytest.mark.slow
@pytest.mark.parametrize("precision, qat", [("dynamic", False), ("int8", True)])
def test_a_students_folder_gives_a_head_at_its_precision(short_backbone, tmp_path, precision, qat):
    """That it equals embedder and numpy is looked at by the command itself."""
    spec = StudentSpec("tiny", 0.5, "gap", None, qat, 64)
    folder = tmp_path / "models/students/small"
    save_student(build(spec, None), spec, folder)
    (tmp_path / "models/tflite/small").mkdir(parents=True)
    summary = json.dumps({"precision": precision})
    (tmp_path / "models/tflite/small/summary.json").write_text(summary)
    write_folder(tmp_path / "clips", ["a", "b"], 5, 30000)
    out = tmp_path / "x.tflite"
    source = read_source(folder)
    paths = name_files(out)
    labelled = Labelled(tmp_path / "clips")
    store, _ = read_labelled(labelled, tmp_path / "work")
    made = make_head(store, "clips", source, paths, 17)
    assert made.values["parity"] <= 1e-4
    interpreter = Interpreter(model_path=str(out))
    assert np.int8 in {each["dtype"] for each in interpreter.get_tensor_details()}
    constants = read_constants(out)
    assert {values.dtype for values in constants.values()} == {np.dtype(np.float32)}


def test_other_labels_are_left_out_when_some_are_named(release, tmp_path):
    name = "the $5 clips #1"
    write_folder(tmp_path / name, ["a", "b", "c"], 4)
    out = tmp_path / "x.tflite"
    clips = str(tmp_path / name)
    run(["head", clips, "--model", str(release), "--out", str(out), "--labels", "a", "c"])
    assert Head(out).labels == ["a", "c"]
    assert json.loads(out.with_suffix(".json").read_text())["clips"] == 8


def test_short_clips_are_told(release, tmp_path, capsys):
    write_folder(tmp_path / "short", ["a", "b"], 4, 9000)
    out = str(tmp_path / "s.tflite")
    run(["head", str(tmp_path / "short"), "--model", str(release), "--out", out])
    printed = capsys.readouterr().out
    assert "short: 8 of 8 clips are shorter than a window (0.975 s) and are padded" in printed
