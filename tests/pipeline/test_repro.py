"""The real DVC graph in miniature: what runs, what comes out, what a change re-runs."""

import json
import os
import re
import signal
import time

import pytest
from pipeline_project import MINIATURE_STUDENTS, logged_runs

AGGREGATES = {"frontier", "release", "report", "track"}


def test_every_stage_ran_and_wrote_what_the_design_names(reproduced):
    for path in (
        "data/corpus/speech/manifest.csv", "data/targets/projection.npz", "models/teacher/saved_model/saved_model.pb",
        "models/students/one/weights.npz", "models/tflite/one/model.tflite", "results/latency/host/two.json",
        "results/noss/teacher.json", "release/frill.tflite", "release/MODEL_CARD.md", "reports/index.html", "reports/frontier.png",
    ):  # fmt: skip
        assert (reproduced.folder / path).stat().st_size > 0, path
    assert "synthetic" in (reproduced.folder / "release/MODEL_CARD.md").read_text().lower()
    assert "Synthetic speech" in (reproduced.folder / "reports/index.html").read_text()


def test_frontier_json_keeps_its_contract(reproduced):
    frontier = json.loads((reproduced.folder / "results/frontier.json").read_text())
    assert frontier["schema"] == 1
    assert [s["name"] for s in frontier["students"]] == list(reproduced.params["students"])
    keys = [
        "name",
        "backbone",
        "width",
        "pooling",
        "rank",
        "qat",
        "latency_ms",
        "quality",
        "file_bytes",
        "on_frontier",
    ]
    assert all(set(keys) <= set(student) for student in frontier["students"])
    assert frontier["selected"] in reproduced.params["students"]
    assert [r["name"] for r in frontier["references"]] == [
        "teacher",
        "logmel_stats",
        "random_weights",
    ]
    noss = {
        name: json.loads((reproduced.folder / f"results/noss/{name}.json").read_text())
        for name in ("one", "teacher")
    }
    means = {
        name: sum(t["validation_accuracy"] for t in result["tasks"].values()) / 2
        for name, result in noss.items()
    }
    assert frontier["students"][0]["quality"] == pytest.approx(means["one"] - means["teacher"])


def test_a_student_of_two_seeds_is_trained_converted_and_scored_twice(reproduced):
    for path in ("models/students/two/repeat_2/weights.npz", "models/tflite/two/repeat_2.tflite"):
        assert (reproduced.folder / path).exists()
    two, noss = (
        json.loads((reproduced.folder / path).read_text())
        for path in ("results/frontier.json", "results/noss/two.json")
    )
    student = next(s for s in two["students"] if s["name"] == "two")
    accuracies = [noss["mean_test_accuracy"], noss["repeats"][0]["mean_test_accuracy"]]
    assert student["mean_test_accuracy"] == pytest.approx(sum(accuracies) / 2)
    assert student["seed_deviation_test"] == pytest.approx(
        abs(accuracies[0] - accuracies[1]) / 2**0.5
    )
    assert "two: mean of 2 trainings" in (reproduced.folder / "reports/index.html").read_text()


def test_release_holds_what_its_checksums_say(reproduced):
    done = reproduced.run("sh", "-c", "cd release && sha256sum --check --quiet SHA256SUMS")
    assert done.returncode == 0, done.stdout


def test_second_repro_runs_track_only_and_logs_nothing(reproduced):
    lock = (reproduced.folder / "dvc.lock").read_bytes()
    before = logged_runs(reproduced)
    assert sorted(before) == sorted(
        [*reproduced.params["students"], "teacher", "logmel_stats", "random_weights"]
    )
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
        (
            "students.one.backbone",
            "tiny; touch owned",
            "students.one.backbone = 'tiny; touch owned'",
        ),  # these stand in commands that a shell reads
        ("students.$(touch owned)", MINIATURE_STUDENTS["one"], "students.$(touch owned)"),
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
    assert named in done.stdout and "Traceback" not in done.stdout
    # The sections that students share reach the stage `code` first.
    assert re.findall("Running stage '(.*)'", done.stdout) == [
        "code" if key.startswith("distill") else "check"
    ]
    assert not (reproduced.folder / "owned").exists()


AXES = {"backbone": "small", "width": 0.75, "pooling": "flatten", "rank": 4, "qat": 1}


@pytest.mark.slow
@pytest.mark.parametrize("axis", AXES)
def test_each_axis_retrains_that_student_only(reproduced, axis):
    student = reproduced.params["students"]["one"]
    before = student[axis]
    student[axis] = AXES[axis]
    would_run = reproduced.repro("--dry", "distill@one", "distill@two")
    student[axis] = before
    assert would_run == ["check", "distill@one"]


@pytest.mark.slow
def test_every_axis_reaches_the_student(reproduced):
    before = dict(reproduced.params["students"]["one"])
    reproduced.params["students"]["one"] |= AXES
    reproduced.repro("distill@one")
    reproduced.params["students"]["one"] = before
    spec = json.loads((reproduced.folder / "models/students/one/spec.json").read_text())
    assert AXES.items() <= (spec | {"qat": int(spec["qat"])}).items()


@pytest.fixture
def sources(reproduced):
    """A function that edits a file of the project; afterwards all are as they were."""
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
        ("src/frill/report/page.css", "{", "{ ", {"report"}),
        ("src/frill/params/schema.py", "class Selection", "NEW = 1\n\n\nclass Selection", set()),
        ("src/frill/corpora/webdataset.py", "import", "import os\nimport", {"check"}),
        ("requirements.lock", "\naltair==", "\naltair==9", {"report"}),
        ("requirements.lock", "\ntf-keras==", "\ntf-keras==9", None),
    ],
)  # fmt: skip
def test_an_edit_reaches_the_stages_that_import_it(reproduced, sources, path, old, new, stages):
    sources(path, old, new)
    if stages is None:
        ran = {name.split("@")[0] for name in reproduced.lock()}
        stages = importers(reproduced.folder, "tf_keras") & ran
        assert {"distill", "convert", "teacher"} <= stages and "frontier" not in stages
    assert changed(reproduced) == stages


def importers(folder, package: str) -> set[str]:
    """Return the stages of the miniature that import a package, by Python's own module finder."""
    from modulefinder import ModuleFinder

    found = set()
    for script in (folder / "stages").glob("*.py"):
        finder = ModuleFinder([str(folder / "src")])
        finder.run_script(str(script))
        if package in finder.badmodules or package in finder.modules:
            found.add(script.stem)
    return found


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
    reproduced.repro(
        "distill@one"
    )  # the tests before it left params.yaml's values as they were, and nothing made of them
    one = reproduced.params["students"]["one"]
    reproduced.params["students"] |= {
        "one": one | {"precision": "float16"},
        "three": one | {"width": 0.75},
    }
    own = {
        f"{kind}@{student}" for student in ("one", "three") for kind in ("convert", "evaluate")
    } | {"benchmark@one-host", "benchmark@three-host"}
    assert set(reproduced.repro("frontier")) == {"check", "frontier", "distill@three"} | own
    reproduced.params["students"]["one"] = one
    del reproduced.params["students"]["three"]
    assert set(reproduced.repro("frontier")) <= {"check", "frontier"}  # or from the run-cache
    assert not list(reproduced.folder.glob("m*/*/three")) and not list(
        reproduced.folder.glob("results/**/three.json")
    )
    assert "three" not in (reproduced.folder / "results/frontier.json").read_text()


@pytest.mark.slow
def test_kill_9_while_a_student_trains_then_repro_ends_with_the_same_weights(reproduced):
    """Twice: before the student is factorised and after."""
    before = dict(reproduced.params["distill"])
    reproduced.params["distill"] |= {
        "steps": 60,
        "checkpoint_steps": 5,
        "learning_rate": 0.00101,
    }  # not in the run-cache
    reproduced.write()
    for steps_done in (10, 40):
        running = reproduced.start("dvc", "repro", "distill@two")
        deadline = time.monotonic() + 180
        while not any(
            json.loads(path.read_text())["done"] >= steps_done
            for path in reproduced.folder.glob("scratch/*/state.json")
        ):
            assert running.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        assert not (reproduced.folder / "models/students/two/weights.npz").exists()
    done = reproduced.run("dvc", "repro", "distill@two")
    assert done.returncode == 0, done.stdout
    assert (
        int(re.search(r"two: +\d+%.*?(\d+)/60", done.stdout)[1]) >= steps_done
    )  # where it went on
    weights = [
        (reproduced.folder / f"models/students/two/{path}weights.npz").read_bytes()
        for path in ("", "repeat_2/")
    ]
    assert not list(reproduced.folder.glob("scratch/*/state.json"))
    done = reproduced.run(
        "dvc", "repro", "--force", "--single-item", "--no-run-cache", "distill@two"
    )
    assert re.search(r"two: +0%.*?0/60", done.stdout), done.stdout
    assert weights == [
        (reproduced.folder / f"models/students/two/{path}weights.npz").read_bytes()
        for path in ("", "repeat_2/")
    ]
    reproduced.params["distill"] = before


@pytest.mark.slow
def test_a_baseline_enters_the_table_and_leaves_it(reproduced):
    text = "import numpy as np\n\n\ndef energy(samples, sample_rate_hz):\n    return np.log([np.square(samples).mean() + 1e-6, np.abs(samples).max() + 1e-6])\n"
    (reproduced.folder / "energy.py").write_text(text)
    reproduced.params["baselines"] = {
        "energy": {"kind": "python", "source": "energy.py", "output": "energy"}
    }
    assert (
        set(reproduced.repro("report")) - {"distill@one"}
        <= {"check", "evaluate_baseline@energy"} | AGGREGATES
    )
    frontier = json.loads((reproduced.folder / "results/frontier.json").read_text())
    assert [r["name"] for r in frontier["references"]][-1] == "energy"
    assert "energy" in (
        reproduced.folder / "reports/index.html"
    ).read_text() and "energy" in logged_runs(reproduced)
    (reproduced.folder / "energy.py").write_text(text.replace("1e-6", "1e-5"))
    assert reproduced.repro("frontier") == ["evaluate_baseline@energy", "frontier"]
    reproduced.params["baselines"] = {}
    reproduced.repro("frontier")
    assert not (reproduced.folder / "results/noss/energy.json").exists()
    assert "energy" not in (reproduced.folder / "results/frontier.json").read_text()
