"""`frill plan`: expected numbers are written out as closed forms or are published figures."""

import csv
import io
import json
import math
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from pipeline_project import ROOT

from frill import cli
from frill.audio.frontend import count_windows
from frill.errors import UserError
from frill.params.audio import Audio
from frill.params.load import validate
from frill.params.schema import Params, Student
from frill.planning import audio as plan_audio
from frill.planning import plan as command
from frill.planning import stages
from frill.planning.audio import Set, find_sets
from frill.planning.runs import estimate, read_params, read_runs
from frill.planning.stages import Stage, plan_stages
from frill.students import cost
from frill.students.build import StudentSpec, count
from frill.students.cost import cost_student
from frill.workflow import presets

UNSET = ("AUDIOSET", "NOSS", "BENCHMARK_MODEL", "BENCHMARK_MODEL_SHA256", "AUDIO", "TEACHER")


@pytest.fixture
def in_project(monkeypatch):
    monkeypatch.chdir(ROOT)
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def uncounted(monkeypatch):
    """Replace counting where amounts depend on no network: to build 18 takes half a minute."""
    counts = {"parameters": 9, "multiply_adds": 9, "weight_bytes": 36}
    counts["bottleneck_bytes"] = 4 * 2 * 2048
    monkeypatch.setattr(cost, "count_network", lambda *axes: counts)


def plan(settings: Params) -> dict[str, Stage]:
    return {stage.name: stage for stage in plan_stages(settings, list(find_sets(settings.audio)))}


def test_an_hour_of_audio(default):
    default["audio"]["espeak"]["speech"]["hours"] = 1.0
    stage = plan(validate(default))["download_espeak@speech"]
    # 3600 s x 16,000 x 2 bytes. Clips of 3 to 8 s, 5.5 s in the mean: 655 of them are an hour to
    # half a clip.
    assert stage.sets[0].clips == round(3600 / 5.5)
    assert stage.work == pytest.approx(3600, abs=5.5)
    assert stage.disk_bytes == pytest.approx(115.2e6, rel=0.001)


@pytest.mark.parametrize("length_s, windows", [(0.2, 1), (1.0, 1), (2.0, 7), (10.0, 54)])
def test_windows_of_a_clip(length_s, windows):
    """Windows are (frames - 96) // 17 + 1, frames (16,000 s - 400) // 160 + 1 of 1 s or more."""
    amount = Set("x", "folder", "corpus", 1000, [length_s])
    assert amount.count_windows() == 1000 * windows
    assert amount.count_windows(most=5) == 1000 * min(windows, 5)


def test_windows_of_lengths_that_differ():
    amount = Set("x", "folder", "corpus", 4, [1.0, 10.0])
    assert (amount.seconds, amount.count_windows()) == (22.0, 2 * 1 + 2 * 54)
    assert amount.count_windows(most=24) == 2 * 1 + 2 * 24


def test_targets_of_the_default(default):
    stage = plan(validate(default))["targets"]
    lengths = 3 + 5 * (np.arange(5000) + 0.5) / 5000  # clips of 3 to 8 s, evenly
    counts = [min(12, count_windows(round(16_000 * length))) for length in lengths]
    assert stage.windows == pytest.approx(round(5 * 3600 / 5.5) * np.mean(counts), rel=0.01)
    # float16 windows of 96 x 64 and 512 targets each; the projection's basis 512 x 12,288 in
    # float32, mean and deviation
    windows_bytes = stage.windows * 2 * (96 * 64 + 512)
    projection_bytes = 4 * (512 * 12_288 + 12_288 + 512)
    assert stage.disk_bytes == pytest.approx(windows_bytes + projection_bytes)


def test_augmented_copies_are_of_training_windows(default):
    plain = plan(validate(default))["targets"].windows
    default["targets"]["augmented_copies"] = 2
    augmented = plan(validate(default))["targets"].windows
    assert augmented == pytest.approx(0.05 * plain + 3 * 0.95 * plain)


@pytest.mark.parametrize(
    "axes",
    [
        ("small", 2.0, "gap", None, 0),
        ("tiny", 0.5, "flatten", 100, 1),
        ("large", 1.25, "gap", 3000, 0),
    ],
)
def test_a_students_cost_is_that_of_the_network(axes, default):
    backbone, width, pooling, rank, qat = axes
    values = (backbone, width, pooling, rank or "none", qat, "float32", 1)
    student = Student(**dict(zip(Student.model_fields, values, strict=True)))
    own = cost_student(validate(default), student)
    built = count(StudentSpec(backbone, width, pooling, rank, bool(qat)))
    assert own["parameters"] == built["parameters"]
    assert own["multiply_adds"] == built["multiply_adds"]
    assert own["file_bytes"] == built["weight_bytes"]


def test_the_published_model_has_its_published_size(default):
    settings = validate(default)
    own = cost_student(settings, settings.students["small_200"])
    # The model card of frill-nofrontend has both figures.
    assert own["parameters"] == pytest.approx(10.12e6, rel=1e-3)
    assert own["file_bytes"] / 2**20 == pytest.approx(38.5, abs=0.05)


def test_the_teacher_made_here_weighs_what_its_network_does():
    from frill.teacher import network

    assert stages.TRAINED_BYTES == 4 * network.build().count_params()


def test_disk_of_a_students_stages(default):
    default["students"] = {"small_200": default["students"]["small_200"] | {"seeds": 2, "qat": 1}}
    planned = plan(validate(default))
    stage = planned["distill@small_200"]
    assert stage.windows == 2 * 600 * 64
    assert stage.disk_bytes == 2 * 4 * 10_119_632
    # Two seeds' checkpoints and one that is being written: weights and Adam's two moments, head of
    # 2048 x 512 and 512 biases included.
    assert stage.transient_bytes == 3 * 12 * (10_119_632 + 2048 * 512 + 512)
    clips = 1440 + 3 * 960 + 1000
    # Shipped, the other seed's, float32 beside the quantised.
    assert planned["evaluate@small_200"].disk_bytes == 3 * clips * 2048 * 4


def test_log_mel_frames_are_counted_to_16_a_clip(default):
    lengths_s = {"keyword": np.ones(1440), "human_sounds": 1.5 + (np.arange(1000) + 0.5) / 1000}
    for name in ("language", "speaker", "emotion"):
        lengths_s[name] = 1.5 + (np.arange(960) + 0.5) / 960
    samples = np.concatenate(list(lengths_s.values())) * 16_000
    frames_bytes = 4 * 64 * np.sum((samples - 400) // 160 + 1)
    embeddings_bytes = 4 * (12_288 + 2048) * len(samples)  # the teacher's and the control's
    stage = plan(validate(default))["evaluate_references"]
    assert 0 <= frames_bytes + embeddings_bytes - stage.disk_bytes <= 16 * 4 * 64 * len(samples)


def test_the_paper_from_published_figures(in_project, uncounted, monkeypatch, tmp_path):
    settings = presets.load("paper")
    planned = plan(settings)
    audioset, targets = planned["download_audioset@audioset_speech"], planned["targets"]
    (speech,) = audioset.sets
    assert (speech.clips, audioset.windows, speech.basis) == (
        900_000,
        900_000 * 54,
        "published",
    )
    assert audioset.work == 9e6 and audioset.disk_bytes == 9e6 * 32_000  # 288 GB
    assert targets.windows == pytest.approx(4 * 900_000)
    no_projection_bytes = 4 * 900_000 * 2 * (96 * 64 + 12_288)  # 133 GB
    assert targets.disk_bytes == pytest.approx(no_projection_bytes, rel=0.001)
    distilled = [stage for name, stage in planned.items() if name.startswith("distill")]
    assert len(distilled) == 144 and len({stage.line for stage in distilled}) == 3 * 6
    # The 108 with a rank or qat go on from the first half of the 36 without.
    assert sum(stage.windows for stage in distilled) == (36 + 108 / 2) * 380_000 * 512
    tasks = 148_642 + 176_438 + 100_503 + 7_438 + 480 + 36_554 + 400
    # 144 files and 72 float32 ones beside the qat students', 2,048 float32 values a clip
    scored = [stage.disk_bytes for name, stage in planned.items() if name.startswith("evaluate@")]
    assert sum(scored) == 216 * tasks * 2048 * 4
    text = command.write_plan("paper", None)
    assert max(map(len, text.splitlines())) <= 120 and "unknown" not in text
    assert text.count("distill large 2 (8)") == 1
    words = " ".join(text.split())
    assert "Not known: the time of 34 of 34 lines, as no such source, teacher or protocol" in words
    names = "audioset_speech, voxceleb1, voxforge, speech_commands, crema_d, savee, masked_speech"
    assert (
        f"Not looked at, amounts as published or estimated after papers: {names}, esc50_" in words
    )


def folder_of(tmp_path: Path, lengths_s: list[float], rate_hz: int = 8000) -> dict:
    with open(tmp_path / "list.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "mood", "part", "who"])
        for i, length_s in enumerate(lengths_s):
            silence = np.zeros(int(length_s * rate_hz), np.int16)
            soundfile.write(tmp_path / f"{i}.wav", silence, rate_hz)
            writer.writerow([f"{i}.wav", "ab"[i % 2], "train" if i % 3 else "test", "x"])
    columns = {"file": "path", "label": "mood", "split": "part", "speaker": "who"}
    paths = {"folder": str(tmp_path), "csv": str(tmp_path / "list.csv")}
    return {"use": "task", **paths, "columns": columns}


def find(audio: dict, name: str) -> Set:
    return next(each for each in find_sets(Audio.model_validate(audio)) if each.name == name)


def test_a_folder_is_counted_by_its_csv_and_headers(default, tmp_path):
    default["audio"]["folder"] = {"moods": folder_of(tmp_path, [0.5, 1.0, 2.0, 4.5])}
    (tmp_path / "1.wav").write_bytes(b"no audio")
    moods = find(default["audio"], "moods")
    assert (moods.clips, moods.seconds, moods.basis) == (3, 7.0, "measured")
    assert moods.count_windows() == 1 + 7 + (((72_000 - 400) // 160 + 1) - 96) // 17 + 1


def test_of_many_files_a_sample_is_read(default, tmp_path, monkeypatch):
    monkeypatch.setattr(plan_audio, "SAMPLE", 3)
    default["audio"]["folder"] = {"moods": folder_of(tmp_path, [1.0] * 9)}
    read = []
    monkeypatch.setattr(plan_audio, "_find_length", lambda kind, spec, row: read.append(row) or 1.0)
    assert find(default["audio"], "moods").clips == 9 and len(read) == 3


@pytest.fixture
def settings_of_audio(default) -> dict:
    sections = [key for key, value in default["audio"].items() if isinstance(value, dict)]
    return default["audio"] | {key: {} for key in sections if key != "espeak"}


def test_a_data_set_of_tfds_is_as_published(settings_of_audio):
    settings_of_audio["tfds"] = {"x": {"use": "task", "dataset": "crema_d"}}
    assert find(settings_of_audio, "x").clips == 7_438


@pytest.mark.parametrize("lengths_s", [[1.0] * 8, [0.5, 1.5] * 40])
def test_archives_are_estimated_from_their_first_items(settings_of_audio, tmp_path, lengths_s):
    """Sizes differ by less than an archive's last blocks: the error is under a clip in eight."""
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for number, length_s in enumerate(lengths_s):
            wav = io.BytesIO()
            samples = np.full(int(16_000 * length_s), 1000, np.int16)
            soundfile.write(wav, samples, 16_000, format="wav")
            contents = {"wav": wav.getvalue(), "cls": [b"a", b"b"][number % 2]}
            for extension, content in contents.items():
                member = tarfile.TarInfo(f"{number:03d}.{extension}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    spec = {"use": "task", "folder": str(tmp_path), "fields": {"label": "cls"}}
    spec["shards"] = {"train": "a.tar"}
    archived = find(settings_of_audio | {"webdataset": {"y": spec}}, "y")
    assert archived.clips == pytest.approx(len(lengths_s), rel=0.13)
    assert np.mean(archived.lengths_s) == pytest.approx(np.mean(lengths_s), rel=0.01)


@pytest.mark.parametrize("compression, clips", [("", 150), ("GZIP", math.nan)])
def test_tfrecords_are_counted_by_the_lengths_of_their_records(
    settings_of_audio, tmp_path, compression, clips
):
    import tensorflow as tf

    for shard in range(3):
        with tf.io.TFRecordWriter(str(tmp_path / f"{shard}.tfrecord"), compression) as writer:
            for _ in range(50):
                audio = tf.train.Feature(float_list=tf.train.FloatList(value=[0.25] * 32_000))
                features = tf.train.Features(feature={"audio": audio})
                writer.write(tf.train.Example(features=features).SerializeToString())
    spec = {"use": "corpus", "folder": str(tmp_path), "shards": "*.tfrecord", "rate_hz": 16_000}
    archived = find(settings_of_audio | {"tfrecord": {"z": spec}}, "z")
    assert archived.clips == pytest.approx(clips, nan_ok=True)
    assert archived.seconds == pytest.approx(2 * clips, nan_ok=True)


def test_audioset_is_counted_by_its_csv_and_the_clips_that_are_there(settings_of_audio, tmp_path):
    lines = ["# Segments csv created", "# num_ytids=10"]
    lines += ["# YTID, start_seconds, end_seconds, positive_labels"]
    lines += [f'abcdefghij{n}, 0.000, {5 + n}.000, "/m/09x0r"' for n in range(10)]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "labels.csv").write_text("index,mid,display_name\n0,/m/09x0r,Speech\n")
    for number in (1, 3, 5):
        (tmp_path / f"abcdefghij{number}_0.wav").touch()
    spec = {"use": "corpus", "folder": str(tmp_path), "csv": str(tmp_path / "a.csv")}
    spec |= {"ontology": str(tmp_path / "labels.csv"), "labels": ["Speech"]}
    spec["pattern"] = ["{ytid}_{start}.wav"]
    wild = find(settings_of_audio | {"audioset": {"wild": spec}}, "wild")
    assert wild.clips == pytest.approx(3) and wild.seconds == pytest.approx(6 + 8 + 10)


@pytest.mark.parametrize(
    "seconds, text",
    [
        (None, "-"),
        (math.nan, "not known"),
        (0.4, "0 s"),
        (95, "1.6 min"),
        (180, "3.0 min"),
        (18_720, "5.2 h"),
        (41 * 86_400, "41 days"),
    ],
)
def test_durations(seconds, text):
    assert command.scale(seconds, command.UNITS_S, "not known") == text


def test_a_total_that_lacks_a_part_says_so():
    rows = [{"time_s": seconds} for seconds in (60.0, math.nan, 120.0)]
    assert command.total(rows, "time_s", command.UNITS_S) == ">= 3.0 min"
    assert command.total(rows[::2], "time_s", command.UNITS_S) == "3.0 min"
    assert command.total(rows[1:2], "time_s", command.UNITS_S) == "not known"


def test_of_several_runs_the_one_most_alike_tells_the_time():
    small = Stage("distill@small", "", "distill", 1000.0, 10.0)
    longer = Stage("distill@small", "", "distill", 3000.0, 10.0)
    large = Stage("distill@large", "", "distill", 9000.0, 90.0)
    huge = Stage("distill@huge", "", "distill", 18_000.0, 180.0)
    own = [(small, 100.0), (large, 450.0)]
    other = [(small, 1.0), (Stage("targets", "", "targets", 2.0), 8.0)]
    assert estimate(small, [own, other]) == (100.0, "last run")
    assert estimate(longer, [own, other]) == (300.0, "scaled")
    assert estimate(huge, [own, other]) == (900.0, "scaled")
    assert estimate(Stage("targets", "", "targets", 1.0), [own, other]) == (4.0, "scaled")
    assert math.isnan(estimate(Stage("teacher", "", "teacher"), [own, other])[0])


def write_log(folder: Path, **seconds: float) -> None:
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"stage": name, "seconds": s}) + "\n" for name, s in seconds.items()]
    (folder / "logs/stages.jsonl").write_text("".join(lines) + '{"stage": "cut o')


def find_line(text: str, start: str) -> list[str]:
    """Return the words of the first line that starts so."""
    return next(line for line in text.splitlines() if line.startswith(start)).split()


def run(monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["frill", "plan", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code


def test_times_are_those_of_the_last_run_times_the_ratio_of_work(
    default, tmp_path, monkeypatch, uncounted
):
    """params.yaml is edited after the run: dvc.lock still has what the run was made by."""
    taken_s = {"teacher": 50.0, "targets": 30.0, "distill@small_200": 120.0}
    write_log(tmp_path, **taken_s, **{"download_espeak@emotion": 20.0})
    entry = {"cmd": "x", "params": {"params.yaml": {"distill": default["distill"]}}}
    lock = {"schema": "2.0", "stages": {"recipe_distill": entry}}
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump(lock))
    default["distill"] = default["distill"] | {"steps": 3 * 600}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(default))
    monkeypatch.chdir(tmp_path)
    assert read_params(Path()).distill.steps == 600
    assert run(monkeypatch, "--json", "plan.json") == 0
    rows = {row["stage"]: row for row in json.loads((tmp_path / "plan.json").read_text())["stages"]}
    times_s = {name: row["time_s"] for name, row in rows.items()}
    assert (times_s["teacher"], times_s["targets"]) == (50.0, 30.0)
    assert times_s["distill small_200"] == pytest.approx(3 * 120.0)
    # All networks are as large here.
    assert times_s["distill tiny_050"] == pytest.approx(3 * 120.0)
    assert times_s["download emotion"] == 20.0 and times_s["evaluate students (7)"] is None
    assert rows["distill small_200"]["basis"] == "scaled"
    assert rows["teacher"]["basis"] == "computed, last run"
    assert rows["evaluate students (7)"]["basis"] == "computed"


def test_a_preset_takes_its_own_runs_before_those_of_params_yaml(
    default, tmp_path, monkeypatch, uncounted, capsys
):
    preset = default | {"students": {"other": default["students"]["small_200"]}}
    write_log(tmp_path, **{"distill@small_200": 120.0})
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(default))
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets/mine.yaml").write_text(yaml.safe_dump(preset))
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "--preset", "mine") == 0
    never = find_line(capsys.readouterr().out, "distill other")
    assert never[-3:] == ["2.0", "min", "scaled"]
    (tmp_path / "logs/stages.jsonl").unlink()
    write_log(tmp_path / ".presets/quick", **{"distill@other": 180.0})
    (tmp_path / ".presets/quick/params.yaml").write_text(yaml.safe_dump(preset))
    assert run(monkeypatch, "--preset", "mine") == 0
    assert find_line(capsys.readouterr().out, "distill other")[-4:] == ["3.0", "min", "last", "run"]
    write_log(tmp_path / ".presets/mine", **{"distill@other": 600.0})
    (tmp_path / ".presets/mine/params.yaml").write_text(yaml.safe_dump(preset))
    assert run(monkeypatch, "--preset", "mine") == 0
    own = find_line(capsys.readouterr().out, "distill other")
    assert own[-4:] == ["10", "min", "last", "run"]


def test_another_teacher_or_protocol_is_another_kind(default, tmp_path, monkeypatch, uncounted):
    write_log(tmp_path, **{"targets": 30.0, "evaluate@small_200": 60.0})
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(default))
    runs = read_runs(tmp_path)
    assert sorted(stage.name for stage, _ in runs) == ["evaluate@small_200", "targets"]
    default["teacher"]["source"] = "tfhub.dev/google/nonsemantic-speech-benchmark/trill/3"
    default["noss"]["protocol"] = ["fast", "model_card"]
    planned = plan(validate(default))
    assert math.isnan(estimate(planned["targets"], [runs])[0])
    assert math.isnan(estimate(planned["evaluate@small_200"], [runs])[0])


def test_what_is_unknown_is_said_and_breaks_nothing(
    in_project, tmp_path, monkeypatch, capsys, uncounted
):
    """The folders preset without its folders, in a project where nothing ran."""
    (tmp_path / "presets").symlink_to(ROOT / "presets")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "--preset", "folders", "--json", "plan.json") == 0
    text = capsys.readouterr().out
    librispeech = find_line(text, "download librispeech")
    assert librispeech[2:] == ["unknown"] * 4 + ["not", "known"]
    assert "Unknown amounts of audio: esc50_other, librispeech" in text
    assert ">= " in text and "`make repro`" in text
    rows = json.loads((tmp_path / "plan.json").read_text())["stages"]
    assert {row["time_s"] for row in rows} == {None} and rows[1]["disk_bytes"] is None


NOWHERE = "{mine: {use: corpus, folder: nowhere, csv: a.csv, columns: {file: f}}}"


@pytest.mark.parametrize(
    "line, changed, message",
    [
        ("steps: 380000", "steps: many", "broken.yaml: distill.steps = 'many'"),
        ("threads: 16", "threads: [16", "broken.yaml: not valid YAML"),
        (
            "  espeak: {}",
            f"  espeak: {{}}\n  folder: {NOWHERE}",
            "audio.folder.mine.folder = 'nowhere': no such",
        ),
    ],
)
def test_a_bad_preset_is_one_line(
    in_project, tmp_path, monkeypatch, capsys, line, changed, message
):
    (tmp_path / "presets").mkdir()
    text = (ROOT / "presets/paper.yaml").read_text()
    (tmp_path / "presets/broken.yaml").write_text(text.replace(line, changed))
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "--preset", "broken") == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_preset_that_is_not_there(in_project, monkeypatch, capsys):
    assert run(monkeypatch, "--preset", "papers") == 1
    message = "frill: --preset papers: there is none of this name; there are evening, "
    assert capsys.readouterr().err.startswith(message)


def test_a_name_that_is_set_is_taken(in_project, tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIO", str(tmp_path))
    with pytest.raises(UserError, match="no such folder"):
        list(find_sets(presets.load("folders").audio))


def test_a_folder_for_the_json_that_is_not_there_is_found_out_first(
    in_project, monkeypatch, capsys
):
    assert run(monkeypatch, "--json", "nowhere/plan.json") == 1
    message = "frill: --json nowhere/plan.json: no such folder: nowhere; make it first\n"
    assert capsys.readouterr().err == message


def test_a_grid_on_a_phone_takes_an_evening(default):
    """144 students in 2.5 h at most: 7 pairs of two processes, 0.5 s before 1.0 s that count."""
    default["devices"] = {"pixel": {"kind": "adb", "serial": "none", "runtime": "litert 2.3.0"}}
    default["selection"]["device"] = "pixel"
    student = {"backbone": "tiny", "width": 0.5}
    default["students"] = {f"s{number}": student for number in range(144)}
    params = validate(default)
    # Estimates beside: 0.5 s a process, 0.6 s a look, 4 s for files; 30 calls each 170 ms.
    assert params.devices["pixel"].measures_s == pytest.approx(
        7 * (2 * (1.5 + 0.5) + 2 * 0.6) + 3 * (1.5 + 0.5) + 30 * 0.17 + 4.0
    )
    assert 144 * params.devices["pixel"].measures_s <= 2.5 * 3600
    said = " ".join(command.describe_phones(params))
    assert said.startswith("pixel: 144 students take 2.1 h by the protocol, 52 s each: 7 pairs")
