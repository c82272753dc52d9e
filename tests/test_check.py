"""What `check` checks of sets of recordings without decoding: files, labels, archives' ends."""

import io
import json

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from examples import archive, tone

from frill import check
from frill.errors import UserError
from frill.params.load import validate
from frill.params.schema import Params

SEGMENTS = """\
# Segments csv created
# num_ytids=3, num_segs=3
# YTID, start_seconds, end_seconds, positive_labels
aaaaaaaaaaa, 30.000, 40.000, "/m/09x0r"
bbbbbbbbbbb, 30.000, 40.000, "/m/09x0r"
-c_ccccccc-, 30.000, 40.000, "/m/09x0r"
"""


@pytest.fixture
def project(default, tmp_path):
    """Return params with a set of every kind, whose files are in `tmp_path`."""
    data = io.BytesIO()
    soundfile.write(data, tone(440, 16000, 0.5), 16000, format="WAV")
    (tmp_path / "segments.csv").write_text(SEGMENTS)
    ontology = [{"id": "/m/09x0r", "name": "Speech", "child_ids": []}]
    (tmp_path / "ontology.json").write_text(json.dumps(ontology))
    (tmp_path / "clips").mkdir()
    for ytid in ("aaaaaaaaaaa", "bbbbbbbbbbb"):
        (tmp_path / f"clips/{ytid}.wav").write_bytes(data.getvalue())
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards/0.tar").write_bytes(archive([("a.wav", data.getvalue())]))
    with tf.io.TFRecordWriter(str(tmp_path / "shards/0.tfrecord")) as writer:
        writer.write(np.arange(100).tobytes())
    folder = {"use": "corpus", "folder": str(tmp_path / "shards")}
    youtube = {
        "use": "corpus",
        "folder": str(tmp_path / "clips"),
        "csv": str(tmp_path / "segments.csv"),
        "ontology": str(tmp_path / "ontology.json"),
        "labels": ["Speech"],
    }
    default["audio"]["audioset"] = {"youtube": youtube}
    default["audio"]["tfrecord"] = {"records": folder | {"shards": "{0..0}.tfrecord"}}
    default["audio"]["webdataset"] = {"tars": folder | {"shards": "*.tar"}}
    default["root"] = tmp_path
    return default


def read_params(project: dict) -> Params:
    return validate({key: value for key, value in project.items() if key != "root"})


def test_clips_that_are_gone_are_told(project):
    skipped = f"youtube: 1 of 3 clips are not in {project['root'] / 'clips'}; skipped"
    assert check.check(read_params(project)) == [skipped]


def spoil(project: dict, what: str) -> None:
    audio = project["audio"]
    root = project["root"]
    tar = root / "shards/0.tar"
    records = root / "shards/0.tfrecord"
    match what:
        case "missing":
            (root / "clips/aaaaaaaaaaa.wav").unlink()
        case "label":
            audio["audioset"]["youtube"]["labels"] = ["Speach"]
        case "tar":
            tar.write_bytes(tar.read_bytes()[:-20000])
        case "record":
            records.write_bytes(records.read_bytes()[:-1])
        case "shards":
            audio["webdataset"]["tars"]["shards"] = "{0..2}.tar"


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (
            "missing",
            "youtube: 2 of 3 files cannot be used, over audio.audioset.youtube.missing_limit = 0.5",
        ),
        ("label", "audio.audioset.youtube.labels: 'Speach' is no label of"),
        ("tar", "tars: 1 of 1 files cannot be used, over audio.rejected_limit = 0.02"),
        ("record", "records: 1 of 1 files cannot be used, over audio.rejected_limit = 0.02"),
        ("shards", "no file 1.tar and 1 more in"),
    ],
)
def test_mistakes_are_found_before_anything_is_decoded(project, what, expected):
    spoil(project, what)
    with pytest.raises(UserError) as error:
        check.check(read_params(project))
    assert expected in str(error.value)


def test_outputs_of_sets_of_every_kind_stay_until_they_are_unnamed(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("speech", "youtube", "records", "tars", "old"):
        (tmp_path / "data/corpus" / name).mkdir(parents=True)
    removed = check.remove_unnamed(read_params(project))
    assert [path.name for path in removed] == ["old"]


def test_a_memory_budget_needs_a_device_that_tells_memory(default, monkeypatch):
    default["selection"]["memory_mib"] = 50
    check.check(validate(default))  # Linux does
    monkeypatch.setattr(check, "can_measure_memory", lambda: False)
    message = (
        "selection.memory_mib = 50: memory is measured on Linux and on phones, not on this host; "
        "write none, or select on"
    )
    with pytest.raises(UserError, match=message):
        check.check(validate(default))


class Doubles(tf.Module):
    """A SavedModel that gives a window's first two samples, doubled."""

    def __init__(self):
        super().__init__()
        self.factor = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32)])
    def __call__(self, samples):
        return {"embedding": self.factor * samples[:, :2]}


def cut_weights(folder):
    (data,) = folder.glob("variables/variables.data*")
    data.write_bytes(data.read_bytes()[:-2])


@pytest.mark.parametrize("role", ["teacher", "baselines.other"])
def test_a_savedmodel_is_opened_once_for_each_content(default, tmp_path, monkeypatch, role):
    monkeypatch.chdir(tmp_path)
    tf.saved_model.save(Doubles(), str(tmp_path / "model"))
    spec = {"source": "model", "output": "embedding"}
    if role == "teacher":
        default["teacher"] |= spec
    else:
        default["baselines"] = {"other": spec | {"kind": "saved_model"}}
    params = validate(default)
    check.check(params)
    opened = list((tmp_path / "scratch/opened").iterdir())
    check.check(params)
    assert list((tmp_path / "scratch/opened").iterdir()) == opened
    assert len(opened) == 1
    cut_weights(tmp_path / "model")
    expected = rf"^{role}\.source: model cannot be loaded as a SavedModel \(.*fetch it again$"
    with pytest.raises(UserError, match=expected):
        check.check(params)


def test_a_python_teacher_is_loaded(default, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("import no_such_framework\n")
    default["teacher"] |= {"source": "mine.py", "output": "embed"}
    with pytest.raises(UserError, match=r"^teacher\.source = 'mine\.py': ModuleNotFoundError: "):
        check.check(validate(default))


def test_a_task_without_speakers_and_validation_is_checked_undecoded(default, tmp_path):
    rows = ["file,label,split"]
    for number in range(8):
        soundfile.write(tmp_path / f"{number}.wav", tone(440, 16000, 0.5), 16000)
        rows.append(f"{number}.wav,{'ab'[number % 2]},{'train' if number < 4 else 'test'}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    columns = {name: name for name in ("file", "label", "split")}
    where = {"folder": str(tmp_path), "csv": str(tmp_path / "list.csv")}
    default["audio"]["folder"] = {"mine": {"use": "task", "columns": columns, **where}}
    assert check.check(validate(default)) == []
