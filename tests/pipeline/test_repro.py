"""The real DVC graph in miniature: what runs, what comes out, what a change re-runs."""

import json
import os
import re
import signal
import time

import pytest
from pipeline_project import MINIATURE_STUDENTS, Project, logged_runs

AGGREGATES = {"figures", "frontier", "release", "report", "track"}


def test_every_stage_ran_and_wrote_what_the_design_names(reproduced):
    for path in (
        "data/corpus/speech/manifest.csv",
        "data/targets/projection.npz",
        "models/teacher/saved_model/saved_model.pb",
        "models/students/one/weights.npz",
        "models/tflite/one/model.tflite",
        "results/latency/host/two.json",
        "results/noss/teacher.json",
        "release/frill.tflite",
        "release/MODEL_CARD.md",
        "reports/index.html",
        "reports/frontier.png",
    ):
        assert (reproduced.folder / path).stat().st_size > 0, path
    assert "synthetic" in (reproduced.folder / "release/MODEL_CARD.md").read_text().lower()
    assert "Synthetic speech" in (reproduced.folder / "reports/index.html").read_text()


def test_frontier_json_keeps_its_contract(reproduced):
    frontier = read_json(reproduced, "results/frontier.json")
    assert frontier["schema"] == 1
    students = frontier["students"]
    assert [student["name"] for student in students] == list(reproduced.params["students"])
    keys = {"name", "backbone", "width", "pooling", "rank", "qat"}
    keys |= {"latency_ms", "quality", "file_bytes", "on_frontier"}
    assert all(keys <= set(student) for student in students)
    assert frontier["selected"] in reproduced.params["students"]
    names = [reference["name"] for reference in frontier["references"]]
    assert names == ["teacher", "logmel_stats", "random_weights"]
    assert frontier["rank_agreement"] is None  # the default scores by the fast probes alone

    def mean_accuracy(name: str) -> float:
        tasks = read_json(reproduced, f"results/noss/{name}.json")["tasks"].values()
        return sum(task["validation_accuracy"] for task in tasks) / 2

    quality = mean_accuracy("one") - mean_accuracy("teacher")
    assert students[0]["quality"] == pytest.approx(quality)


def read_json(project: Project, path: str) -> dict:
    return json.loads((project.folder / path).read_text())


def test_a_student_of_two_seeds_is_trained_converted_and_scored_twice(reproduced):
    for path in ("models/students/two/repeat_2/weights.npz", "models/tflite/two/repeat_2.tflite"):
        assert (reproduced.folder / path).exists()
    students = read_json(reproduced, "results/frontier.json")["students"]
    two = next(student for student in students if student["name"] == "two")
    noss = read_json(reproduced, "results/noss/two.json")
    first = noss["mean_test_accuracy"]
    second = noss["repeats"][0]["mean_test_accuracy"]
    assert two["mean_test_accuracy"] == pytest.approx((first + second) / 2)
    assert two["seed_deviation_test"] == pytest.approx(abs(first - second) / 2**0.5)
    assert "two: mean of 2 trainings" in (reproduced.folder / "reports/index.html").read_text()


def test_release_holds_what_its_checksums_say(reproduced):
    done = reproduced.run("sh", "-c", "cd release && sha256sum --check --quiet SHA256SUMS")
    assert done.returncode == 0, done.stdout


def test_second_repro_runs_track_only_and_logs_nothing(reproduced):
    lock = (reproduced.folder / "dvc.lock").read_bytes()
    before = logged_runs(reproduced)
    references = ["teacher", "logmel_stats", "random_weights"]
    assert sorted(before) == sorted([*reproduced.params["students"], *references])
    assert reproduced.repro() == ["track"]
    assert logged_runs(reproduced) == before
    assert (reproduced.folder / "dvc.lock").read_bytes() == lock


def test_deleted_mlflow_database_is_filled_again_from_the_artefacts(reproduced):
    before = sorted(logged_runs(reproduced))
    (reproduced.folder / "mlflow.db").unlink()
    assert reproduced.repro() == ["track"]
    assert sorted(logged_runs(reproduced)) == before


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("students.one.backbone", "huge", "students.one.backbone = 'huge'"),
        # These stand in commands that a shell reads.
        ("students.one.backbone", "tiny; touch owned", "backbone = 'tiny; touch owned'"),
        ("students.$(touch owned)", MINIATURE_STUDENTS["one"], "students.'$(touch owned)'"),
        ("distill.stepz", 3, "distill.stepz: unknown key"),
    ],
)
def test_bad_value_stops_before_anything_long_with_one_line(reproduced, key, value, named):
    *path, last = key.split(".")
    section = reproduced.params
    for step in path:
        section = section[step]
    before = dict(section)
    section[last] = value
    reproduced.write()
    done = reproduced.run("dvc", "repro")
    section.clear()
    section.update(before)
    reproduced.write()
    assert done.returncode == 255
    assert named in done.stdout
    assert "Traceback" not in done.stdout
    # What students are made by reaches the stage `code` first.
    assert re.findall("Running stage '(.*)'", done.stdout) == ["code"]
    assert not (reproduced.folder / "owned").exists()


AXES = {"backbone": "small", "width": 0.75, "pooling": "flatten", "rank": 4, "qat": 1}


@pytest.mark.slow
@pytest.mark.parametrize("axis", AXES)
def test_each_axis_retrains_that_student_only(reproduced, axis):
    student = reproduced.params["students"]["one"]
    before = student[axis]
    student[axis] = AXES[axis]
    reproduced.repro("code")
    would_run = reproduced.repro("--dry", "distill@one", "distill@two")
    student[axis] = before
    reproduced.repro("code")
    assert would_run == ["check", "distill@one"]


@pytest.mark.slow
def test_every_axis_reaches_the_student(reproduced):
    before = dict(reproduced.params["students"]["one"])
    reproduced.params["students"]["one"] |= AXES
    reproduced.repro("distill@one")
    reproduced.params["students"]["one"] = before
    spec = read_json(reproduced, "models/students/one/spec.json")
    assert AXES.items() <= (spec | {"qat": int(spec["qat"])}).items()


@pytest.mark.slow
def test_the_model_cards_protocol_beside_the_fast_probes_scores_again_and_trains_nothing(
    reproduced,
):
    reproduced.repro()  # the tests before it left params.yaml's values as they were
    reproduced.params["noss"]["protocol"] = ["fast", "model_card"]
    ran = {stage.split("@")[0] for stage in reproduced.repro()}
    scoring = {"evaluate", "evaluate_references"}
    assert ran == {"code", "check", *scoring, *AGGREGATES}
    tasks = read_json(reproduced, "results/noss/one.json")["tasks"]
    for task in tasks.values():
        assert list(task["protocols"]) == ["fast", "model_card"]
    agreement = read_json(reproduced, "results/frontier.json")["rank_agreement"]
    assert agreement["protocols"] == ["fast", "model_card"] and agreement["models"] == 5
    page = (reproduced.folder / "reports/index.html").read_text()
    assert "the model card&#39;s protocol rank the 5 models" in page
    reproduced.params["noss"]["protocol"] = ["fast"]
    reproduced.repro()
    assert read_json(reproduced, "results/frontier.json")["rank_agreement"] is None


@pytest.fixture
def sources(reproduced):
    """Give a function that edits a file of the project; afterwards all are as they were."""
    before = {}

    def edit(path: str, old: str, new: str) -> None:
        file = reproduced.folder / path
        before.setdefault(file, file.read_text())
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))

    yield edit
    for file, text in before.items():
        file.write_text(text)
    reproduced.repro("code")


def changed(project) -> set[str]:
    """Run `code` and return the stages, without what stands after @, that DVC then would run first.

    Those are the ones whose own dependencies changed: `track`, which always runs, is left out.
    """
    project.repro("code")
    status = json.loads(project.run("dvc", "status", "--json").stdout.splitlines()[-1])
    return {name.split(":")[-1].split("@")[0] for name in status if "track" not in name}


@pytest.mark.slow
def test_form_docstrings_and_comments_run_the_stage_code_alone(reproduced, sources):
    reproduced.repro()  # the tests before it left params.yaml's values as they were
    sources("src/frill/students/distill.py", '"""', '"""Another word. ')
    sources("src/frill/audio/waveform.py", "import numpy as np", "import numpy as np  # a comment")
    sources("src/frill/students/low_rank.py", "import numpy as np\n", "\n\nimport numpy as np\n\n")
    assert reproduced.repro() == ["code", "track"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "old", "new", "stages"),
    [
        ("src/frill/students/schedule.py", "return ", "return 2 * ", {"distill"}),
        ("src/frill/teacher/network.py", "VALUES = 512", "VALUES = 513", {"teacher"}),
        ("src/frill/report/page.css", "{", "{ ", {"report", "figures"}),
        ("src/frill/params/schema.py", "class Selection", "NEW = 1\n\n\nclass Selection", set()),
        ("src/frill/corpora/archive_members.py", "\nimport ", "\nimport os\nimport ", {"check"}),
        ("requirements.lock", "\naltair==", "\naltair==9", {"report"}),
        ("requirements.lock", "\ntf-keras==", "\ntf-keras==9", None),
    ],
)  # fmt: skip
def test_an_edit_reaches_the_stages_that_import_it(reproduced, sources, path, old, new, stages):
    sources(path, old, new)
    if stages is None:
        ran = {name.split("@")[0] for name in reproduced.lock()}
        stages = importers(reproduced.folder, "tf_keras") & ran
        assert {"distill", "convert", "teacher"} <= stages
        assert "frontier" not in stages
    assert changed(reproduced) == stages


def importers(folder, package: str) -> set[str]:
    """Return the stages of the miniature that import a package, by Python's own module finder."""
    from modulefinder import ModuleFinder

    scripts = set()
    for script in (folder / "stages").glob("*.py"):
        finder = ModuleFinder([str(folder / "src")])
        finder.run_script(str(script))
        if package in finder.badmodules or package in finder.modules:
            scripts.add(script.stem)
    return scripts


@pytest.mark.slow
def test_settings_reach_students_through_their_recipe(reproduced):
    both = ("distill@one", "convert@one")
    reproduced.repro(*both)  # the tests before it left params.yaml's values as they were
    reproduced.params["convert"]["min_cosine"] = 0.998
    assert reproduced.repro(*both) == ["code", "check", "convert@one"]
    reproduced.params["convert"]["min_cosine"] = 0.999
    assert reproduced.repro(*both) == ["check"]


@pytest.mark.slow
def test_a_new_student_and_a_new_precision_cost_their_stages_and_leave_no_trace(reproduced):
    """The student's own stages; precision converts again and never trains."""
    # The tests before it left params.yaml's values as they were, and nothing made of them.
    reproduced.repro("distill@one")
    students = reproduced.params["students"]
    one = students["one"]
    students["one"] = one | {"precision": "float16"}
    students["three"] = one | {"width": 0.75}
    own = {"distill@three"}
    for student in ("one", "three"):
        own |= {f"convert@{student}", f"evaluate@{student}", f"benchmark@{student}-host"}
    assert set(reproduced.repro("frontier")) == {"code", "check", "frontier"} | own
    students["one"] = one
    del students["three"]
    # What is left may come from the run-cache.
    assert set(reproduced.repro("frontier")) <= {"code", "check", "frontier"}
    assert not list(reproduced.folder.glob("m*/*/three"))
    assert not list(reproduced.folder.glob("results/**/three.json"))
    assert "three" not in (reproduced.folder / "results/frontier.json").read_text()


@pytest.mark.slow
def test_kill_9_while_a_student_trains_then_repro_ends_with_the_same_weights(reproduced):
    """Kill it twice: before the student is factorised and after."""
    before = dict(reproduced.params["distill"])
    # Not in the run-cache.
    new = {"steps": 60, "checkpoint_steps": 5, "learning_rate": 0.00101}
    reproduced.params["distill"] |= new
    reproduced.write()
    student = reproduced.folder / "models/students/two"
    own = f"scratch/checkpoints/{'?' * 24}/state.json"  # not dense-*: they stay for others

    def has_saved(steps: int) -> bool:
        states = reproduced.folder.glob(own)
        return any(json.loads(path.read_text())["done"] >= steps for path in states)

    def read_weights() -> list[bytes]:
        paths = ("weights.npz", "repeat_2/weights.npz")
        return [(student / path).read_bytes() for path in paths]

    for steps_done in (10, 40):
        running = reproduced.start("dvc", "repro", "distill@two")
        deadline = time.monotonic() + 180
        while not has_saved(steps_done):
            assert running.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        assert not (student / "weights.npz").exists()
    done = reproduced.run("dvc", "repro", "distill@two")
    assert done.returncode == 0, done.stdout
    resumed_at = int(re.search(r"two: +\d+%.*?(\d+)/60", done.stdout)[1])
    assert resumed_at >= steps_done
    weights = read_weights()
    assert not list(reproduced.folder.glob(own))
    anew = ("--force", "--single-item", "--no-run-cache")
    done = reproduced.run("dvc", "repro", *anew, "distill@two")
    assert re.search(r"two: +0%.*?0/60", done.stdout), done.stdout
    assert weights == read_weights()
    reproduced.params["distill"] = before


@pytest.mark.slow
def test_another_student_than_the_selected_one_is_released_by_hand(reproduced):
    reproduced.repro("release")
    selected = read_json(reproduced, "results/frontier.json")["selected"]
    other = "two" if selected == "one" else "one"
    done = reproduced.run("frill", "release", "--student", other)
    assert done.returncode == 0, done.stdout
    folder = reproduced.folder / f"release_{other}"
    names = {path.name for path in (reproduced.folder / "release").iterdir()}
    assert {path.name for path in folder.iterdir()} == names
    card = (folder / "MODEL_CARD.md").read_text()
    assert f"{other} was named by hand" in card
    refused = reproduced.run("frill", "release", "--student", "nobody")
    assert refused.returncode == 1
    assert refused.stdout.endswith("--student nobody: no such student; there are one, two\n")


ENERGY = """import numpy as np


def energy(samples, sample_rate_hz):
    return np.log([np.square(samples).mean() + 1e-6, np.abs(samples).max() + 1e-6])
"""


@pytest.mark.slow
def test_a_baseline_enters_the_table_and_leaves_it(reproduced):
    (reproduced.folder / "energy.py").write_text(ENERGY)
    baseline = {"kind": "python", "source": "energy.py", "output": "energy"}
    reproduced.params["baselines"] = {"energy": baseline}
    ran = set(reproduced.repro("report")) - {"distill@one"}
    assert ran <= {"check", "evaluate_baseline@energy"} | AGGREGATES
    frontier = read_json(reproduced, "results/frontier.json")
    assert frontier["references"][-1]["name"] == "energy"
    assert "energy" in (reproduced.folder / "reports/index.html").read_text()
    assert "energy" in logged_runs(reproduced)
    changed = ENERGY.replace("np.abs(samples).max() + 1e-6", "len(samples)")
    (reproduced.folder / "energy.py").write_text(changed)
    assert reproduced.repro("frontier") == ["evaluate_baseline@energy", "frontier"]
    reproduced.params["baselines"] = {}
    reproduced.repro("frontier")
    assert not (reproduced.folder / "results/noss/energy.json").exists()
    assert "energy" not in (reproduced.folder / "results/frontier.json").read_text()
