"""What README and docs tell a reader to type is typed here, in order, in a project in miniature."""

import os
import re
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from documented import ELSEWHERE, PAGES, read_block, read_blocks, read_commands
from examples import speechlike
from pipeline_project import ROOT, Project, miniature, stages_run

from frill.report.plots_page import write_template

slow = pytest.mark.slow
AUTHOR = {
    f"GIT_{who}_{what}": "test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}


HERE = re.findall(r'read_(?:block|commands)\(\s*"([^"]+)", "([^"]+)"', Path(__file__).read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_block_of_code_is_tried_somewhere(page):
    name = page.relative_to(ROOT).as_posix()
    begins = [start for of, start in [*HERE, *ELSEWHERE] if of == name]
    for block in read_blocks(name):
        assert sum(block.startswith(start) for start in begins) == 1, block
    for where in ELSEWHERE.values():
        assert (ROOT / where).exists(), where


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """Make a project with the student small_100, finished, committed and pushed."""
    folder = tmp_path_factory.mktemp("documented")
    params = miniature()
    params["students"] = {"small_100": {"backbone": "tiny", "width": 0.5}}
    params["distill"]["bottleneck"] = 128  # a rank of 100 is documented
    project = Project(folder / "frill", params)
    project.extra = AUTHOR
    project.repro()
    project.commit()
    (project.folder / ".venv").mkdir()  # make writes it there
    write_template(project.folder / ".venv/plots.html")
    origin = folder / "origin.git"
    for command in (["init", "--quiet", "--bare", origin], ["remote", "add", "origin", origin]):
        subprocess.run(["git", *command], cwd=project.folder, check=True)
    type_in(project, "git push --quiet --set-upstream origin HEAD")
    return project


def type_in(project: Project, line: str) -> str:
    """Type a line, with fewer steps than a reader would."""
    line = re.sub(r"distill.steps=(\d+)00\b", r"distill.steps=\1", line)
    done = project.run("sh", "-c", line)
    assert done.returncode == 0, f"{line}\n{done.stdout}"
    return done.stdout


@slow
def test_a_student_is_added_by_one_line(project):
    project.params["students"] |= yaml.safe_load(read_block("README.md", "tiny_150_rank100:"))
    name = "tiny_150_rank100"
    own = {f"distill@{name}", f"convert@{name}", f"benchmark@{name}-host", f"evaluate@{name}"}
    whole = {"code", "check", "frontier", "release", "report", "figures", "track"}
    assert own <= set(project.repro()) <= own | whole
    project.commit()


@slow
def test_figures_are_compared_by_dvc(project):
    first, *rest = read_commands("docs/dvc.md", "dvc metrics show")
    assert "figures/metrics.json" in type_in(project, first)
    for line in rest:
        type_in(project, line)
    assert (project.folder / "dvc_plots/index.html").exists()


@slow
def test_experiments_are_run_shown_and_applied(project):
    run, *more, show, apply = read_commands("docs/dvc.md", "dvc exp run -S distill.steps=900")
    assert "Ran experiment" in type_in(project, run)
    for line in more:  # tests/pipeline/test_experiments.py runs the like of them
        assert "Queued experiment" in type_in(project, f"{line} --queue")
    type_in(project, "dvc queue remove --queued")
    (name,) = set(re.findall(r"\[([a-z]+-[a-z]+)\]", type_in(project, show)))
    type_in(project, apply.replace("NAME", name))
    type_in(project, "git checkout --force --quiet HEAD")


@slow
def test_experiments_wait_in_a_queue(project):
    *queued, start, status = read_commands("docs/dvc.md", "dvc exp run --queue -S distill.steps")
    for line in [*queued, start]:
        type_in(project, line)
    end = time.monotonic() + 1200
    while re.search("Running|Queued", shown := type_in(project, status)):
        assert time.monotonic() < end, shown
        time.sleep(2)
    assert shown.count("Success") == len(queued), shown


@slow
def test_a_finished_model_embeds_in_python_and_by_the_command(project, monkeypatch):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    monkeypatch.chdir(project.folder)
    samples = speechlike(100000, 3)
    for name in ("a", "b", "talk", "interviews/1", "interviews/day/2"):
        path = project.folder / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, samples, 44100)
    known = {"samples": samples, "microphone": np.split(samples, 10), "labels": [0, 1]}
    known |= {each.__name__: each for each in (make_pipeline, StandardScaler, LogisticRegression)}
    exec(read_block("README.md", "from frill import Embedder"), known)
    exec(read_block("docs/embedder.md", "from frill import Embedder"), known)
    assert known["embeddings"].shape == known["rows"].shape and known["rows"].ndim == 2
    exec(read_block("docs/embedder.md", "from frill import EmbeddingTransformer"), known)
    known["sounds"] = samples[None].astype(np.float32) / 32767
    exec(read_block("docs/embedder.md", "from frill import hear"), known)
    assert known["embeddings"].shape[2] == known["scenes"].shape[1] == known["rows"].shape[1]
    both, mean = read_commands("docs/embedder.md", "frill embed talk.wav")
    type_in(project, both)
    with np.load("embeddings.npz") as found:
        assert {"talk.wav", "times_s"} < set(found) and len(set(found)) == 4
    type_in(project, mean)
    with np.load("embeddings.npz") as found:
        assert all(found[name].ndim == 1 for name in found)


@slow
def test_own_audio_and_a_phone_are_taken_as_written(project, tmp_path):
    for name in ("calls/1", "calls/may/2"):
        write(tmp_path / f"data/{name}.wav")
    for label in ("happy", "sad"):
        for speaker in ("anna", "ben", "eva"):
            for number in range(4):
                write(tmp_path / f"data/mood/{label}/{speaker}/{number}.wav")
    rows = ["path,word,who,fold"]
    for number in range(12):
        write(tmp_path / f"data/digit/{number}.wav")
        rows.append(f"{number}.wav,{number % 2},speaker{number % 6},{number % 3}")
    (tmp_path / "data/digit/list.csv").write_text("\n".join(rows))
    text = read_block("README.md", "audio:").replace("/data/", f"{tmp_path}/data/")
    params = project.params
    audio = params["audio"] | yaml.safe_load(text)["audio"]
    with_sums = read_block("README.md", "devices:").replace("1f3c...", 64 * "a")
    with_sums = with_sums.replace("9a2b...", 64 * "b")
    for on_a_desk, missing in (
        (with_sums, False),
        (re.sub(r"run_model_sha256: \w+, ", "", with_sums), True),
    ):
        devices = params["devices"] | yaml.safe_load(on_a_desk)["devices"]
        written = yaml.safe_dump(params | {"devices": devices, "audio": audio}, sort_keys=False)
        (project.folder / "params.yaml").write_text(written)
        done = project.run("frill", "check")
        said = "devices.pixel.run_model_sha256: missing; `frill devices` fetches litert 2.3.0 once"
        assert (said in done.stdout) == missing, done.stdout
        assert done.stdout.count("devices.") == missing
        assert "unknown" not in done.stdout
    project.write()


def write(path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, speechlike(24000, len(str(path)) + os.stat(path.parent).st_nlink), 16000)


@slow
def test_results_are_handed_on_by_a_folder(project, tmp_path):
    add, commit = read_commands("docs/remotes.md", "dvc remote add --default store /mnt/frill")
    type_in(project, add.replace("/mnt/frill", str(tmp_path / "store")))
    type_in(project, commit)
    project.params["selection"]["latency_ms"] = 900.0  # so that there is something to hand on
    project.write()
    repro, hand_on, push = read_commands("docs/remotes.md", "dvc repro")
    assert "track" in stages_run(type_in(project, repro))
    type_in(project, hand_on)
    assert "pushed" in type_in(project, push)
