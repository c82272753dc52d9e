"""`dvc exp` on the real graph in miniature: experiments share MLflow's store and scratch/."""

import csv
import io
import json
import sqlite3
import time

import pytest
from pipeline_project import MINIATURE_STUDENT, Project, miniature

from frill.report.plots_page import write_template

pytestmark = pytest.mark.slow
OWN_CODE = """

print("this experiment's code is in", __file__)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """Make a project whose default is finished and committed."""
    params = miniature()
    params["students"] = {"one": MINIATURE_STUDENT}
    params["tracking"] = {"uri": "sqlite:///mlflow.db", "experiment": "frill"}
    project = Project(tmp_path_factory.mktemp("experiments") / "frill", params)
    project.repro()
    project.commit()
    return project


def run(project: Project, *arguments: str) -> str:
    done = project.run("dvc", *arguments)
    assert done.returncode == 0, done.stdout
    return done.stdout


def read_states(project: Project) -> dict[tuple[str, str], str | None]:
    """Return the experiment of every student's run in the project's store, by name and state."""
    query = """select runs.name, s.value, e.value from runs
        join tags k on k.run_uuid = runs.run_uuid and k.key = 'kind' and k.value = 'student'
        join tags s on s.run_uuid = runs.run_uuid and s.key = 'state'
        left join tags e on e.run_uuid = runs.run_uuid and e.key = 'dvc_experiment'"""
    with sqlite3.connect(project.folder / "mlflow.db") as database:
        return {(name, state): experiment for name, state, experiment in database.execute(query)}


def test_an_experiment_runs_the_code_of_its_own_folder(project):
    curve = project.folder / "src/frill/students/curve.py"
    before = curve.read_text()
    curve.write_text(before + OWN_CODE)
    try:
        printed = run(project, "exp", "run", "--temp", "--name", "own-code")
    finally:
        curve.write_text(before)
    assert f"this experiment's code is in {project.folder}/.dvc/tmp/exps/" in printed
    run(project, "exp", "remove", "own-code")


def test_two_in_the_queue_leave_two_more_students_in_one_store(project):
    params = (project.folder / "params.yaml").read_text()
    values = "{backbone: tiny, width: 0.5, rank: 4}"
    for name, override in (
        ("wider", "students.one.width=0.75"),
        ("more", f"+students.four={values}"),
    ):
        run(project, "exp", "run", "--queue", "--name", name, "-S", override)
    assert (project.folder / "params.yaml").read_text() == params
    run(project, "queue", "start", "--jobs", "2")
    end = time.monotonic() + 1500
    while "Running" in (status := run(project, "queue", "status")) or "Queued" in status:
        assert time.monotonic() < end, status
        time.sleep(2)
    assert status.count("Success") == 2, "\n".join(
        run(project, "queue", "logs", name) for name in ("wider", "more")
    )
    assert read_states(project) == {
        ("one", "current"): None,
        ("one", "experiment"): "wider",
        ("four", "experiment"): "more",
    }
    shown = csv.DictReader(io.StringIO(run(project, "exp", "show", "--csv", "--only-changed")))
    rows = {row["Experiment"]: row for row in shown if row["Experiment"]}
    assert set(rows) == {"wider", "more"}
    # They were in the home's. What stays is for other students to begin with.
    left = project.folder.glob("scratch/checkpoints/*")
    assert [path for path in left if not path.name.startswith("dense-")] == []


def test_an_experiment_that_is_applied_is_the_project(project):
    run(project, "exp", "apply", "more")
    ran = project.run("dvc", "repro").stdout
    assert "Running stage 'distill" not in ran
    assert read_states(project)["four", "current"] == "more"
    metrics = json.loads(run(project, "metrics", "show", "--json"))
    assert metrics[""]["data"]["figures/metrics.json"]["data"]["students"] == 2
    changed = run(project, "metrics", "diff", "--json")
    assert json.loads(changed)["figures/metrics.json"]["students"]["diff"] == 1
    (project.folder / ".venv").mkdir()  # make writes it there
    write_template(project.folder / ".venv/plots.html")
    run(project, "plots", "show")
    page = (project.folder / "dvc_plots/index.html").read_text()
    assert "https://cdn" not in page and "vegaEmbed" in page
    status = project.run("git", "status", "--porcelain").stdout
    assert "dvc_plots" not in status and "figures/metrics.json" in status
