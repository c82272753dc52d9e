"""What is refused in params.yaml; the message names the key, the value and what is allowed."""

import pytest
import yaml
from dvc.utils.serialize import load_yaml
from pipeline_project import ROOT

from frill.params.load import ParamsError, load_params, validate
from frill.params.messages import REMOVED

STUDENT = {
    "backbone": "small",
    "width": 1.0,
    "pooling": "gap",
    "rank": "none",
    "qat": 0,
    "precision": "float32",
    "seeds": 1,
}


def refused(data: dict) -> list[str]:
    with pytest.raises(ParamsError) as error:
        validate(data)
    return str(error.value).splitlines()


def put(data: dict, key: str, value) -> None:
    *path, last = key.split(".")
    for part in path:
        data = data[part]
    data[last] = value


def test_the_default_is_valid_and_none_is_a_word():
    params = load_params(ROOT / "params.yaml")
    published = params.students["small_200"]
    assert published.width == 2.0
    assert published.backbone == "small"
    assert published.rank is None
    assert params.students["small_100_rank100"].rank == 100
    assert params.targets.projection == 512
    sets = params.audio.espeak
    assert set(params.tasks) == {name for name in sets if sets[name].use == "task"}


@pytest.mark.parametrize(
    "key, value, allowed",
    [
        ("seed", 1.5, "valid integer"),
        ("seed", True, "valid integer"),
        ("seed", 2**32, "less than or equal to 2147483647"),
        ("distill.batch_windows", 10**12, "less than or equal to 65536"),
        ("threads", 0, "greater than or equal to 1"),
        ("threads", 100_000, "less than or equal to 1024"),
        ("devices.host.threads", 100_000, "less than or equal to 1024"),
        ("devices.host.rounds", 10**18, "less than or equal to 2147483647"),
        ("devices.host.round_ms", 1e300, "less than or equal to 1000000000"),
        ("audio.espeak.speech.hours", 1e300, "less than or equal to 1000000000"),
        ("distill.bottleneck", 2**31 - 1, "less than or equal to 65536"),
        ("distill.learning_rate", 1e39, "less than or equal to 1000000000"),
        ("teacher.training.margin", 1e39, "less than or equal to 1000000000"),
        ("audio.rejected_limit", 1.5, "less than 1"),
        ("audio.espeak.speech.use", "both", "'corpus' or 'task'"),
        ("teacher.training.batch_windows", 9, "multiple of 2"),
        ("teacher.training.label_weight", -1, "greater than or equal to 0"),
        ("teacher.training.label_weight", True, "must be a number"),
        ("targets.validation_share", 0, "greater than 0"),
        ("targets.projection", None, "write the word none"),
        ("distill.steps", "many", "valid integer"),
        ("distill.learning_rate", -0.1, "greater than 0"),
        ("distill.learning_rate", float("inf"), "finite"),
        ("distill.balance", 1.5, "less than or equal to 1"),
        ("distill.ship_from", 1, "less than 1"),
        ("students.small_200.backbone", "medium", "'tiny', 'small' or 'large'"),
        ("students.small_200.width", 9, "less than or equal to 4"),
        ("students.small_200.width", "wide", "valid number"),
        ("students.small_200.width", True, "must be a number"),
        ("students.small_200.pooling", "max", "'gap' or 'flatten'"),
        ("students.small_200.rank", 0, "greater than or equal to 1"),
        ("students.small_200.rank", "full", "valid integer"),
        ("students.small_200.rank", None, "write the word none"),
        ("students.small_200.qat", True, "0 or 1"),
        ("students.small_200.qat", 2, "0 or 1"),
        ("students.small_200.precision", "int4", "'float32', 'float16', 'dynamic' or 'int8'"),
        ("devices.host.kind", "phone", "'host'"),
        ("selection.latency_ms", None, "write the word none"),
        ("selection.latency_ms", 0, "greater than 0"),
        ("selection.file_bytes", -3, "greater than or equal to 1"),
        ("selection.memory_mib", 0, "greater than 0"),
        ("sweep.share", "disk", "'cache' or 'remote'"),
        ("sweep.retries", -1, "greater than or equal to 0"),
        ("sweep.resources.distill.cpus", 0, "greater than 0"),
        ("sweep.resources.evaluate.gpus", -1, "greater than or equal to 0"),
        ("sweep.resources.distill.gpus", 0.5, "valid integer"),
        ("distill.replicas", 0, "greater than or equal to 1"),
    ],
)
def test_a_bad_value_is_one_line(default, key, value, allowed):
    put(default, key, value)
    (line,) = refused(default)
    assert line.startswith(f"params.yaml: {key} = {value!r}: ") and allowed in line


@pytest.mark.parametrize(
    "section, name",
    [
        ("students", "Frill"),
        ("students", "a b"),
        ("students", "-x"),
        ("students", "a.B"),
        ("devices", "ph/one"),
        ("students", "größe"),
    ],
)
def test_names_are_file_names(default, section, name):
    default[section][name] = next(iter(default[section].values()))
    (line,) = refused(default)
    assert line == (
        f"params.yaml: {section}.{name!r}: a name is made of a-z 0-9 _ - "
        "and does not begin with -; correct it in params.yaml"
    )


@pytest.mark.parametrize(
    "section, name, new",
    [
        ("students", "tiny_0.5", "tiny_050"),
        ("students", "small_1.0", "small_100"),
        ("students", "small_1.0_flatten_rank100_qat", "small_100_flatten_rank100_qat"),
        ("students", "large_1.25", "large_125"),
        ("students", "large_0.125", "large_0125"),
        ("students", "tiny_1.5_r0.5", "tiny_150_r0_5"),
        ("students", "my.student", "my_student"),
        ("students", ".x", "_x"),
        ("devices", "my.phone", "my_phone"),
        ("baselines", "mfcc.13", "mfcc_13"),
    ],
)
def test_a_name_with_a_dot_is_told_its_new_spelling(default, section, name, new):
    """With a dot `dvc exp run -S students.small_1.0.width=2.0` would change another key."""
    mfcc = {"kind": "python", "source": "mfcc.py", "output": "embed"}
    default["baselines"] = {"mfcc": mfcc}
    default[section][name] = next(iter(default[section].values()))
    assert refused(default) == [
        f"params.yaml: {section}.{name!r}: a name has no dot "
        f"(DVC reads it as a step into a section); write {new}"
    ]
    default[section][new] = default[section].pop(name)
    validate(default)


def test_an_experiment_may_have_a_dot(default):
    default["tracking"]["experiment"] = "voices-1.2"
    assert validate(default).tracking.experiment == "voices-1.2"


@pytest.mark.parametrize("name", ["size", "nfiles"])
def test_names_that_dvc_ignores_are_reserved(default, name):
    default["students"][name] = STUDENT
    (line,) = refused(default)
    assert line.startswith(f"params.yaml: students.{name!r}: ") and "choose another" in line


@pytest.mark.parametrize("name", ["teacher", "logmel_stats", "random_weights"])
def test_names_of_references_are_taken(default, name):
    default["students"][name] = STUDENT
    (line,) = refused(default)
    assert f"students.{name}: the name is the teacher's or a control's" in line


def test_the_section_sweep_may_be_left_out(default):
    written = validate(default).sweep
    del default["sweep"]
    assert validate(default).sweep == written


def test_references_between_sections(default):
    default["selection"]["device"] = "phone"
    assert refused(default) == [
        "params.yaml: selection.device = 'phone' is not one of devices: host; "
        "correct it in params.yaml"
    ]
    default["selection"]["device"] = "host"
    default["audio"]["folder"]["speech"] = {
        "use": "corpus",
        "folder": "a",
        "csv": "b",
        "columns": {"file": "f"},
    }
    assert refused(default) == ["params.yaml: audio: the name speech is used twice; rename one"]


PHONE = {
    "kind": "adb",
    "serial": "FA6A10301234",
    "tool": "benchmark_model",
    "tool_sha256": "0" * 64,
}


def test_a_phone_needs_four_values(default):
    default["devices"]["pixel"] = PHONE
    pixel = validate(default).devices["pixel"]
    assert (pixel.threads, pixel.cores, pixel.xnnpack) == (1, "big", 1)
    assert pixel.folder == "/data/local/tmp/frill"
    default["devices"]["pixel"] = {key: value for key, value in PHONE.items() if key != "serial"}
    assert refused(default)[0].startswith("params.yaml: devices.pixel.serial: missing")
    default["devices"]["pixel"] = PHONE | {"serial": "none"}
    assert validate(default).devices["pixel"].serial is None


@pytest.mark.parametrize(
    "key, value, allowed",
    [
        ("threads", 0, "greater than or equal to 1"),
        ("threads", 100_000, "less than or equal to 1024"),
        ("cool_down_s", 1e10, "less than or equal to 2147483"),
        ("timeout_s", 1e10, "less than or equal to 2147483"),
        ("thread", 1, "unknown key"),
        ("tool_sha256", "0" * 63, "64 hexadecimal digits in small letters; `sha256sum FILE` "),
        ("cores", 12, "in quotes"),  # YAML's 0x0c
        ("cores", "fast", "hexadecimal mask such as '0c'"),
        ("cores", "0", "hexadecimal mask"),
        ("xnnpack", True, "0 or 1"),
        ("folder", "frill", "absolute path"),
        ("folder", "/", "absolute path"),
        ("folder", "/data/../system", "without . and .."),
        ("folder", "/data/local/tmp\nrm -rf /", "absolute path"),
        ("processes", 2, "greater than or equal to 3"),
        ("max_battery_c", 0, "greater than 0"),
        ("min_cosine", 1.5, "less than or equal to 1"),
        ("serial", None, "write the word none"),
    ],
)
def test_a_bad_value_of_a_phone_is_one_line(default, key, value, allowed):
    default["devices"]["pixel"] = PHONE | {key: value}
    (line,) = refused(default)
    assert line.startswith(f"params.yaml: devices.pixel.{key}")
    assert allowed in line
    assert ".adb" not in line


RUN_MODEL = {"run_model": "run_model", "run_model_sha256": "1" * 64}
LITERT = {"kind": "adb", "serial": "none", "runtime": "litert 2.3.0"}


@pytest.mark.parametrize(
    "phone, allowed",
    [
        (PHONE | {"tool_kind": "litert"}, "write run_model and run_model_sha256"),
        (PHONE | {"tool_kind": "litert", "xnnpack": 0} | RUN_MODEL, "write xnnpack: 1"),
        (PHONE | {"runtime": "litert 2.3.0"}, "write one of the two"),
        ({"kind": "adb", "serial": "none"}, "write one of the two"),
        ({"kind": "adb", "serial": "none", "tool": "t"}, "tool needs tool_sha256"),
        (PHONE | RUN_MODEL, "write tool_kind: litert, or no run_model"),
        (PHONE | {"accelerator": "gpu"}, "accelerator: gpu takes LiteRT's tools"),
        (LITERT | {"tool_kind": "tflite"}, "leave tool_kind out"),
        (LITERT | {"accelerator": "dsp"}, "'cpu', 'gpu' or 'npu'"),
        (LITERT | {"runtime": "litert latest"}, "such as `litert 2.3.0`"),
        (LITERT | {"runtime": "tflite 2.14.1"}, "such as `litert 2.3.0`"),
        (LITERT | {"min_cosine": "none"}, "valid number"),
        (LITERT | {"libraries": [{"file": "libA.so", "sha256": "1"}]}, "64 hexadecimal digits"),
    ],
)
def test_tools_that_do_not_go_together_are_one_line(default, phone, allowed):
    default["devices"]["pixel"] = phone
    (line,) = refused(default)
    assert line.startswith("params.yaml: devices.pixel") and allowed in line


def test_a_runtime_needs_no_file(default):
    default["devices"]["pixel"] = LITERT
    pixel = validate(default).devices["pixel"]
    assert (pixel.tool_kind, pixel.accelerator, pixel.min_cosine) == ("litert", "cpu", 0.99)


def test_kinds_of_devices(default):
    default["devices"]["pixel"] = PHONE | {"kind": "ios"}
    assert refused(default) == [
        "params.yaml: devices.pixel.kind = 'ios': must be 'host' or 'adb'; "
        "correct it in params.yaml"
    ]
    default["devices"]["pixel"] = {key: value for key, value in PHONE.items() if key != "kind"}
    assert refused(default) == [
        "params.yaml: devices.pixel.kind: missing; write kind: host or kind: adb"
    ]


def test_a_removed_key_says_what_to_write_instead(default):
    default["engine"] = "processes"
    assert refused(default) == [
        "params.yaml: engine: gone: stages run on this machine; "
        "`frill repro --address` uses a Ray cluster; delete it"
    ]


def test_a_renamed_value_says_what_to_write_instead(default):
    default["noss"]["protocol"] = ["fast", "frill"]
    assert refused(default) == [
        "params.yaml: noss.protocol.1 = 'frill': has a new name; write model_card"
    ]
    default["noss"]["protocol"] = ["fast", ["frill"]]
    (line,) = refused(default)
    assert "noss.protocol.1: input should be 'fast' or 'model_card'" in line


def test_a_removed_key_of_named_entries(default, monkeypatch):
    monkeypatch.setitem(REMOVED, "students.*.depth", "gone since 9.9; write width")
    default["students"] = {"small_100": STUDENT | {"depth": 3, "deep": 3}}
    assert refused(default) == [
        "params.yaml: students.small_100.depth: gone since 9.9; write width",
        "params.yaml: students.small_100.deep: unknown key; there are backbone, pooling, "
        "precision, qat, rank, seeds, width; remove it or correct its spelling",
    ]


def test_every_mistake_is_named_at_once(default):
    del default["distill"]["steps"]
    default["distill"]["step"] = 5
    default["noss"]["probes"] = ["svm"]
    default["students"]["small_200"]["qat"] = 3
    begins = (
        "params.yaml: distill.step: unknown key; did you mean steps?",
        "params.yaml: students.small_200.qat = 3",
        "params.yaml: noss.probes.0 = 'svm'",
    )
    lines = refused(default)
    assert len(lines) == len(begins)
    for begin in begins:
        assert any(line.startswith(begin) for line in lines), begin


@pytest.mark.parametrize(
    "change, message",
    [
        ({"columns": {"file": "f", "split": "s"}}, "a task needs columns.label"),
        ({"columns": {"file": "f", "label": "l"}}, "either columns.split or columns.fold"),
        (
            {"columns": {"file": "f", "label": "l", "split": "s", "fold": "k"}},
            "either columns.split or columns.fold",
        ),
    ],
)
def test_a_folder_task_needs_labels_and_parts(default, change, message):
    default["audio"]["folder"]["mine"] = {"use": "task", "folder": "a", "csv": "b"} | change
    (line,) = refused(default)
    assert line.startswith("params.yaml: audio.folder.mine: ") and message in line


@pytest.mark.parametrize("values, expected", [(1, ["1"]), (["a", 2], ["a", "2"])])
def test_numbers_in_where_are_text_as_the_csv_is(default, values, expected):
    mine = {
        "use": "corpus",
        "folder": "a",
        "csv": "b",
        "columns": {"file": "f"},
        "where": {"fold": values},
    }
    default["audio"]["folder"]["mine"] = mine
    assert validate(default).audio.folder["mine"].where == {"fold": expected}


@pytest.mark.parametrize(
    "text, message",
    [
        ("a: [1,", "not valid YAML"),
        ("just words", "holds no keys"),
        ("", "holds no keys"),
        ("%YAML 1.3\n---\nseed: 1\n", "not valid YAML"),
        ("seed: 1\nseed: 2\n", "the key seed stands twice"),
        ("students:\n  a: {width: 1}\n  a: {width: 2}\n", "the key a stands twice, .* line 3"),
    ],
)
def test_what_is_not_params(tmp_path, text, message):
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ParamsError, match=message) as error:
        load_params(tmp_path / "params.yaml")
    assert len(str(error.value).splitlines()) == 1


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ParamsError, match="not found; run this in the project's folder"):
        load_params(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_bytes(b"seed: \xff\xfe")
    with pytest.raises(ParamsError, match="not valid YAML"):
        load_params(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("written", "rank"),
    [("0100", 100), ("0o144", 100), ("0x64", 100), ("1_00", 100), ("none", None)],
)
def test_numbers_are_those_that_dvc_makes_arguments_of(default, tmp_path, written, rank):
    """YAML 1.1 would read 0100 as 64, and DVC, which reads 1.2, would train rank 100."""
    default["students"] = {"a": STUDENT | {"rank": "RANK"}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(default).replace("RANK", written))
    assert load_params(tmp_path / "params.yaml").students["a"].rank == rank
    read = load_yaml(tmp_path / "params.yaml")["students"]["a"]["rank"]
    assert read == ("none" if rank is None else rank)


def test_yaml_merge_keys_are_no_duplicates(default, tmp_path):
    default["students"] = {"a": STUDENT}
    base = "  b: &b {width: 0.5, backbone: tiny, pooling: gap, rank: none, qat: 0, "
    base += "precision: float32, seeds: 1}\n"
    text = yaml.safe_dump(default)
    text = text.replace("students:\n  a:\n", f"students:\n{base}  a:\n    <<: *b\n")
    (tmp_path / "params.yaml").write_text(text)
    assert load_params(tmp_path / "params.yaml").students["a"].width == 1.0


@pytest.mark.parametrize("shards", [3, None])
def test_shards_are_a_pattern_or_one_for_each_split(default, shards):
    mine = {"use": "corpus", "folder": "a", "shards": shards}
    default["audio"]["webdataset"]["mine"] = mine
    begin = f"params.yaml: audio.webdataset.mine.shards = {shards!r}: input should be a valid"
    end = "; correct it in params.yaml"
    assert refused(default) == [f"{begin} string{end}", f"{begin} dictionary{end}"]


@pytest.mark.parametrize("precision", ["float16", "dynamic"])
def test_a_precision_that_fake_quantisation_hides_is_refused(default, precision):
    default["students"]["small_200"] |= {"qat": 1, "precision": precision}
    (line,) = refused(default)
    message = f"qat: 1 with precision: {precision} gives the file of float32; write float32"
    assert line.startswith("params.yaml: students.small_200") and message in line


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_precision_beside_qat(default, precision):
    default["students"]["small_200"] |= {"qat": 1, "precision": precision}
    assert validate(default).students["small_200"].precision == precision


@pytest.mark.parametrize(
    "key, value, instead",
    [
        ("teacher.source", "~/teacher", "{home}/teacher"),
        ("audio.folder.mine.csv", "~/a b/list.csv", "{home}/a b/list.csv"),
        ("audio.folder.mine.folder", "$NOT_SET_HERE/a", "the whole path"),
        ("baselines.mine.source", "$HOME/x.tflite", "{home}/x.tflite"),
    ],
)
def test_a_path_that_dvc_would_not_find_is_refused_with_what_to_write(
    default, monkeypatch, key, value, instead
):
    monkeypatch.setenv("HOME", "/data/somebody")
    columns = {"file": "f"}
    default["audio"]["folder"]["mine"] = {
        "use": "corpus",
        "folder": "a",
        "csv": "b",
        "columns": columns,
    }
    default["baselines"]["mine"] = {"kind": "tflite", "source": "x.tflite"}
    put(default, key, value)
    (line,) = refused(default)
    instead = instead.format(home="/data/somebody")
    what = f"DVC fills in neither ~ nor $NAME; write {instead}"
    assert line == f"params.yaml: {key} = {value!r}: {what}"


AXES = {"backbone", "width", "pooling", "rank", "qat", "precision", "seeds"}
KEYS = {
    "selection": {"device", "latency_ms", "file_bytes", "memory_mib"},
    "students.small_100": AXES,
    "teacher": {"source", "output", "training"},
}


@pytest.mark.parametrize(
    "section, key, meant",
    [
        ("distill", "learning_rat", "learning_rate"),
        ("students.small_100", "rnak", "rank"),
        ("noss", "probs", "probes"),
        ("selection", "zzz", None),
        ("teacher", "tool_sha256", None),
        ("students.small_100", "deep", None),
    ],
)
def test_a_misspelt_key_is_one_line_with_the_key_that_was_meant(default, section, key, meant):
    values = default
    for part in section.split("."):
        values = values[part]
    values[key] = values.pop(meant, 8)
    (line,) = refused(default)
    begin = f"params.yaml: {section}.{key}: unknown key; "
    assert line == begin + (
        f"did you mean {meant}? Correct its spelling or remove it"
        if meant
        else f"there are {', '.join(sorted(KEYS[section]))}; remove it or correct its spelling"
    )
