"""The selected student as others use it: release/."""

import json
from pathlib import Path

from frill import tensorflow_setup
from frill.errors import UserError
from frill.frontier.results import read_frontier
from frill.noss.results import read_scores
from frill.params.load import load_params
from frill.workflow.stage import stage

with stage("release"):
    settings = load_params()
    tensorflow_setup.set_up(settings.threads, settings.seed)
    from frill.release.make import make_release
    from frill.release.texts import describe_licences, render_model_card
    from frill.students.weights import load_student

    def read_json(path: Path) -> dict:
        return json.loads(path.read_text())

    frontier = read_frontier(Path("results/frontier.json"))
    name = frontier.selected
    if name is None:
        raise UserError(frontier.reason)
    teacher = read_json(Path("models/teacher/summary.json"))
    audio = {
        corpus: read_json(Path(f"data/corpus/{corpus}/summary.json"))
        for corpus in settings.audio.list_sets("corpus")
    }
    card = render_model_card(
        frontier,
        noss=read_scores(Path(f"results/noss/{name}.json")),
        teacher_noss=read_scores(Path("results/noss/teacher.json")),
        teacher=teacher,
        targets=read_json(Path("data/targets/summary.json")),
        latency=read_json(Path(f"results/latency/{frontier.device}/{name}.json")),
        audio=audio,
    )
    student = load_student(Path("models/students", name))
    make_release(
        frontier,
        student,
        Path("models/tflite", name),
        card,
        describe_licences(teacher, audio),
        Path("release"),
    )
    print(f"release: {name}")
