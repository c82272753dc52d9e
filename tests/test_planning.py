"""`frill plan`: expected numbers are written out as closed forms; no time is ever asserted."""

import csv
import io
import json
import tarfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import yaml
from pipeline_project import ROOT

from frill import cli, params
from frill.errors import UserError
from frill.frontend import window_count
from frill.params import Student
from frill.planning import audio as plan_audio
from frill.planning import plan, recordings
from frill.planning import speed as plan_speed
from frill.planning import table as plan_table
from frill.planning.amount import Amount
from frill.planning.cost import step_s
from frill.planning.rows import Row
from frill.planning.speed import Speeds, Step
from frill.planning.students import cost
from frill.students.build import StudentSpec, count


@pytest.fixture
def in_project(monkeypatch):
    monkeypatch.chdir(ROOT)
    for name in ("AUDIOSET", "NOSS", "BENCHMARK_MODEL", "BENCHMARK_MODEL_SHA256", "AUDIO", "TEACHER"):
        monkeypatch.delenv(name, raising=False)


def speeds(settings: params.Params, **changes) -> Speeds:
    """Made-up ones: only their being there matters."""
    named = plan_speed.representatives(settings)
    cheap, dear = named[0], named[min(1, len(named) - 1)]
    result = Speeds(1, 1e-4, 1e-3, {}, 1e-10, 5.0, 1e-3, 12_288, 8_000_000, "", convert_block_s=0.3, probe_s=1.0, took_s=1.0)
    result.probe_protocols = settings.noss.protocol
    result.spoken_clip_s = {spec.set: 0.01 for spec in settings.audio.espeak.values()}
    result.trainings = {name: Step(settings.students[name], 64, seconds, 5.0) for name, seconds in ((cheap, 0.1), (dear, 1.0))}
    result.invocations = {cheap: (settings.students[cheap], 1e-4), dear: (settings.students[dear], 1e-3)}
    for name, value in changes.items():
        setattr(result, name, value)
    return result


def rows_of(settings: params.Params, **changes) -> dict[str, Row]:
    return {row.stage: row for row in plan.plan(settings, speeds(settings, **changes))}


def test_an_hour_of_audio(default):
    default["audio"]["espeak"]["speech"]["hours"] = 1.0
    row = rows_of(params.validate(default))["download speech"]
    # 3600 s x 16,000 x 2 bytes; clips of 3 to 8 s, 5.5 s in the mean, so that 655 of them are an hour to half a clip
    assert row.clips == round(3600 / 5.5) and row.audio_s == pytest.approx(3600, abs=5.5)
    assert row.disk_bytes == pytest.approx(115.2e6, rel=0.001)


@pytest.mark.parametrize("length_s, frames, windows", [(0.2, 98, 1), (1.0, 98, 1), (2.0, 198, 7), (10.0, 998, 54)])
def test_windows_of_a_clip(length_s, frames, windows):
    """frames = (16,000 s - 400) // 160 + 1 of at least a second, windows = (frames - 96) // 17 + 1."""
    amount = Amount(1000, np.array([length_s]), "computed")
    assert (amount.frames(), amount.windows(), amount.windows(most=5)) == (1000 * frames, 1000 * windows, 1000 * min(windows, 5))


def test_windows_of_lengths_that_differ():
    amount = Amount(4, np.array([1.0, 10.0]), "computed")
    assert (amount.seconds, amount.windows(), amount.windows(most=24)) == (22.0, 2 * 1 + 2 * 54, 2 * 1 + 2 * 24)


def test_targets_of_the_default(default):
    settings = params.validate(default)
    row = rows_of(settings)["targets"]
    lengths = 3 + 5 * (np.arange(5000) + 0.5) / 5000  # clips of 3 to 8 s, evenly
    windows = row.clips * np.mean([min(24, window_count(round(16_000 * length))) for length in lengths])
    assert row.windows == pytest.approx(windows, rel=0.01)
    # float16 windows of 96 x 64 and 512 targets each; the projection's basis 512 x 12,288 in float32, mean and deviation
    assert row.disk_bytes == pytest.approx(row.windows * 2 * (96 * 64 + 512) + 4 * (512 * 12_288 + 12_288 + 512))


def test_augmented_copies_are_of_training_windows(default):
    plain = rows_of(params.validate(default))["targets"].windows
    default["targets"]["augmented_copies"] = 2
    assert rows_of(params.validate(default))["targets"].windows == pytest.approx(0.05 * plain + 3 * 0.95 * plain, abs=4)


@pytest.mark.parametrize("axes", [("small", 2.0, "gap", None, 0), ("tiny", 0.5, "flatten", 100, 1), ("large", 1.25, "gap", 3000, 0)])
def test_a_students_cost_is_that_of_the_network(axes):
    backbone, width, pooling, rank, qat = axes
    student = Student(backbone=backbone, width=width, pooling=pooling, rank=rank or "none", qat=qat, precision="float32", seeds=1)
    own, built = cost(student, 2048), count(StudentSpec(backbone, width, pooling, rank, bool(qat)))
    assert (own.parameters, own.multiply_adds, own.weight_bytes) == tuple(built[key] for key in ("parameters", "multiply_adds", "weight_bytes"))


def test_the_published_model_has_its_published_size():
    frill = Student(backbone="small", width=2.0, pooling="gap", rank="none", qat=0, precision="float32", seeds=1)
    assert cost(frill, 2048).parameters == pytest.approx(10.12e6, rel=1e-3)  # and 38.5 MiB: model card of frill-nofrontend
    assert cost(frill, 2048).file_bytes / 2**20 == pytest.approx(38.5, abs=0.05)


def test_disk_of_a_students_stages(default):
    default["students"] = {"frill": default["students"]["frill"] | {"seeds": 2, "qat": 1}}
    rows = rows_of(params.validate(default))
    row = rows["distill frill, 2 seeds"]
    assert row.windows == 2 * 450 * 64
    assert row.disk_bytes == 2 * 4 * 10_119_632
    # two seeds' checkpoints and one that is being written: weights and Adam's two moments, head of 2048 x 512 and 512 biases included
    assert row.transient_bytes == 3 * 12 * (10_119_632 + 2048 * 512 + 512)
    whole = plan.totals(list(rows.values()))
    assert whole.peak_bytes - whole.disk_bytes == row.transient_bytes and not whole.disk_at_least
    clips = 1440 + 4 * 960 + 1000
    assert rows["evaluate, 1 students, 3 files"].disk_bytes == 3 * clips * 2048 * 4  # shipped, the other seed's, float32 beside the quantised


def test_the_paper_from_published_figures(in_project):
    settings = plan.load("paper")
    rows = rows_of(settings)
    audioset, targets = rows["download audioset_speech"], rows["targets"]
    assert (audioset.clips, audioset.windows, audioset.basis[0]) == (900_000, 900_000 * 54, "published")
    assert audioset.audio_s == 9e6 and audioset.disk_bytes == 9e6 * 32_000  # 288 GB
    assert targets.windows == 900_000  # one of each clip
    assert targets.disk_bytes == pytest.approx(900_000 * 2 * (96 * 64 + 12_288), rel=0.001)  # no projection
    distilled = [row for name, row in rows.items() if name.startswith("distill")]
    assert len(distilled) == 3 * 6 and all("8 students" in row.stage for row in distilled)
    assert sum(row.windows for row in distilled) == 144 * 380_000 * 512
    tasks = 148_642 + 176_438 + 100_503 + 7_438 + 480 + 36_554 + 400
    # 144 files and 72 float32 ones beside the qat students', 2,048 float32 values a clip
    assert rows["evaluate, 144 students, 216 files"].disk_bytes == 216 * tasks * 2048 * 4
    assert not plan.totals(list(rows.values())).time_at_least
    text = plan_table.table(list(rows.values()), {})
    assert max(map(len, text.splitlines())) <= 120 and "unknown" not in text


def folder_of(tmp_path: Path, lengths_s: list[float], rate_hz: int = 8000) -> dict:
    with open(tmp_path / "list.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "mood", "part", "who"])
        for i, length_s in enumerate(lengths_s):
            soundfile.write(tmp_path / f"{i}.wav", np.zeros(int(length_s * rate_hz), np.int16), rate_hz)
            writer.writerow([f"{i}.wav", "ab"[i % 2], "train" if i % 3 else "test", "x"])
    columns = {"file": "path", "label": "mood", "split": "part", "speaker": "who"}
    return {"use": "task", "folder": str(tmp_path), "csv": str(tmp_path / "list.csv"), "columns": columns}


def test_a_folder_is_counted_by_its_csv_and_headers(default, tmp_path):
    default["audio"]["folder"] = {"moods": folder_of(tmp_path, [0.5, 1.0, 2.0, 4.5])}
    (tmp_path / "1.wav").write_bytes(b"no audio")
    found = next(each for each in plan_audio.sets(params.validate(default).audio) if each.name == "moods")
    assert (found.amount.clips, found.amount.seconds, found.amount.classes, found.amount.speakers) == (3, 7.0, 2, True)
    assert found.amount.windows() == 1 + 7 + (((72_000 - 400) // 160 + 1) - 96) // 17 + 1


def test_of_many_files_a_sample_is_read(default, tmp_path, monkeypatch):
    monkeypatch.setattr(recordings, "SAMPLE", 3)
    default["audio"]["folder"] = {"moods": folder_of(tmp_path, [1.0] * 9)}
    read = []
    monkeypatch.setattr(recordings, "_length_s", lambda path, row: read.append(path) or 1.0)
    found = next(each for each in plan_audio.sets(params.validate(default).audio) if each.name == "moods")
    assert len(read) == 3 and found.amount.clips == 9


def test_what_is_unknown_is_said_and_breaks_nothing(default):
    settings = params.validate(default)
    every = [*plan_audio.sets(settings.audio), plan_audio.Set("tape", "cassettes", "corpus", None, SimpleNamespace())]
    rows = plan.plan(settings, speeds(settings, spoken_clip_s={}, teacher_values=None), every)
    text = plan_table.table(rows, {})
    tape = next(line for line in text.splitlines() if line.startswith("download tape"))
    assert tape.split().count("unknown") == 5 and ">=" in text.splitlines()[-1]
    json.dumps(plan_table.as_json(rows, settings, Speeds(), {}))


def amount_of(audio: dict) -> Amount:
    return next(each.amount for each in plan_audio.sets(params.Audio.model_validate(audio)) if each.kind != "espeak")


@pytest.fixture
def settings_of_audio(default) -> dict:
    return default["audio"] | {key: {} for key, value in default["audio"].items() if isinstance(value, dict) and key != "espeak"}


def test_a_data_set_of_tfds_is_as_published(settings_of_audio):
    assert amount_of(settings_of_audio | {"tfds": {"x": {"use": "task", "dataset": "crema_d"}}}).clips == 7_438


@pytest.mark.parametrize("lengths_s", [[1.0] * 8, [0.5, 1.5] * 40])
def test_archives_are_estimated_from_their_first_items(settings_of_audio, tmp_path, lengths_s):
    """Sizes differ by less than the last blocks of an archive: the estimate is right to a clip in eight."""
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for number, length_s in enumerate(lengths_s):
            wav = io.BytesIO()
            soundfile.write(wav, np.full(int(16_000 * length_s), 1000, np.int16), 16_000, format="wav")
            for extension, content in (("wav", wav.getvalue()), ("cls", b"ab"[number % 2 : number % 2 + 1])):
                member = tarfile.TarInfo(f"{number:03d}.{extension}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    spec = {"use": "task", "folder": str(tmp_path), "shards": {"train": "a.tar"}, "fields": {"label": "cls"}}
    amount = amount_of(settings_of_audio | {"webdataset": {"y": spec}})
    assert amount.clips == pytest.approx(len(lengths_s), rel=0.13) and (amount.classes, amount.speakers) == (2, False)
    assert np.mean(amount.lengths_s) == pytest.approx(np.mean(lengths_s), rel=0.01)


def test_tfrecords_are_counted_by_the_lengths_of_their_records(settings_of_audio, tmp_path):
    import tensorflow as tf

    for shard in range(3):
        with tf.io.TFRecordWriter(str(tmp_path / f"{shard}.tfrecord")) as writer:
            for _ in range(50):
                audio = tf.train.Feature(float_list=tf.train.FloatList(value=[0.25] * 32_000))
                writer.write(tf.train.Example(features=tf.train.Features(feature={"audio": audio})).SerializeToString())
    spec = {"use": "corpus", "folder": str(tmp_path), "shards": "*.tfrecord", "rate_hz": 16_000}
    amount = amount_of(settings_of_audio | {"tfrecord": {"z": spec}})
    assert (amount.clips, amount.seconds, amount.basis) == (150, 300.0, "measured")


def test_audioset_is_counted_by_its_csv_and_the_clips_that_are_there(settings_of_audio, tmp_path):
    head = "# Segments csv created\n# num_ytids=10\n# YTID, start_seconds, end_seconds, positive_labels\n"
    (tmp_path / "a.csv").write_text(head + "".join(f'abcdefghij{n}, 0.000, {5 + n}.000, "/m/09x0r"\n' for n in range(10)))
    (tmp_path / "labels.csv").write_text("index,mid,display_name\n0,/m/09x0r,Speech\n")
    for number in (1, 3, 5):
        (tmp_path / f"abcdefghij{number}_0.wav").touch()
    spec = {"use": "corpus", "folder": str(tmp_path), "csv": str(tmp_path / "a.csv"), "ontology": str(tmp_path / "labels.csv")}
    amount = amount_of(settings_of_audio | {"audioset": {"wild": spec | {"labels": ["Speech"], "pattern": ["{ytid}_{start}.wav"]}}})
    assert (amount.clips, amount.seconds) == (3, 6 + 8 + 10)


def test_a_teacher_hears_the_windows_and_what_lies_between_close_ones():
    amount = Amount(1000, np.array([10.0]), "computed")
    assert amount.heard(most=1) == 1000 and amount.heard(most=54) == 54_000
    # Two random windows of 54 are at most five apart, and heard as one crop, with probability (53 + 52 + 51 + 50 + 49) / (54 x 53 / 2) = 0.178; its mean
    # length is then (53 x 2 + 52 x 3 + 51 x 4 + 50 x 5 + 49 x 6) / 255 = 3.961, else 2
    assert amount.heard(most=2) == pytest.approx(1000 * (0.178 * 3.961 + 0.822 * 2), rel=0.05)


def test_steps_of_students_that_were_not_measured(default):
    settings = params.validate(default)
    measured = speeds(settings)
    seconds = {name: step_s(measured, student, settings, 512) for name, student in settings.students.items()}
    assert seconds["tiny_0.5"] == pytest.approx(0.1) and seconds["frill"] == pytest.approx(1.0)  # the two measured
    assert seconds["tiny_0.5"] < seconds["small_1.0"] < seconds["small_1.0_flatten"] < seconds["large_1.0"]
    assert step_s(Speeds(), settings.students["frill"], settings, 512) is None


@pytest.mark.parametrize(
    "seconds, text", [(None, "unknown"), (0.4, "0 s"), (95, "2 min"), (180, "3 min"), (18_720, "5.2 h"), (41 * 86_400, "41 days")]
)
def test_durations(seconds, text):
    assert plan_table.duration(seconds).replace(".0", "").replace("1.6 min", "2 min") == text


def test_earlier_runs_stand_beside(default, tmp_path):
    (tmp_path / "logs").mkdir()
    entries = [("targets", 9.0), ("targets", 95.0), ("evaluate@frill", 60.0)]
    (tmp_path / "logs/stages.jsonl").write_text("".join(json.dumps({"stage": n, "seconds": s}) + "\n" for n, s in entries))
    logged = plan_table.last_times(tmp_path)
    rows = rows_of(params.validate(default))
    assert logged["targets"] == 95.0 and plan_table.last(rows["targets"], logged) == "1.6 min"
    assert plan_table.last(rows["evaluate, 7 students, 10 files"], logged) == "1.0 min (1/7)"
    assert plan_table.last(rows["download speech"], logged) == ""


def run(monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["frill", "plan", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda text: text.replace("steps: 380000", "steps: many"), "broken.yaml: distill.steps = 'many'"),
        (lambda text: text.replace("seed: 17", "seed: [17"), "broken.yaml: not valid YAML"),
        (
            lambda text: text.replace("  folder: {}", "  folder: {mine: {use: corpus, folder: nowhere, csv: a.csv, columns: {file: f}}}"),
            "audio.folder.mine.folder = 'nowhere': no such folder",
        ),
    ],
)
def test_a_bad_preset_is_one_line(in_project, tmp_path, monkeypatch, capsys, change, message):
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets/broken.yaml").write_text(change((ROOT / "presets/paper.yaml").read_text()))
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "--preset", "broken") == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_preset_that_is_not_there(in_project, monkeypatch, capsys):
    assert run(monkeypatch, "--preset", "papers") == 1
    assert capsys.readouterr().err == "frill: --preset papers: there is none of this name; there are folders, paper\n"


def test_a_name_that_is_set_is_taken(in_project, tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIO", str(tmp_path))
    with pytest.raises(UserError, match="no such folder"):
        list(plan_audio.sets(plan.load("folders").audio))


@pytest.mark.slow
def test_the_command_on_a_small_project(tmp_path, monkeypatch, capsys, default):
    default["students"] = {"tiny": default["students"]["tiny_0.5"] | {"seeds": 1}}
    default["audio"]["espeak"] = {name: default["audio"]["espeak"][name] for name in ("speech", "mask")}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(default))
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "--json", "plan.json") == 0
    written, text = json.loads((tmp_path / "plan.json").read_text()), capsys.readouterr().out
    assert "distill tiny" in text and "unknown" not in text
    assert all(stage["time_s"] > 0 for stage in written["stages"]) and written["totals"]["time_s"] > 0
    assert written["measured"]["teacher_values"] == 12_288 and list(written["measured"]["training_step_s"]) == ["tiny"]
