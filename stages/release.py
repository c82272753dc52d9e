"""The selected student as others use it: release/."""

from pathlib import Path

from frill import params, tensorflow_setup
from frill.stage import stage

with stage("release"):
    settings = params.load()
    tensorflow_setup.set_up(settings.threads, settings.seed)
    from frill import release
    from frill.release import read_json
    from frill.students.weights import load_student

    frontier = read_json(Path("results/frontier.json"))
    name = frontier["selected"]
    if name is None:
        raise release.UserError(frontier["reason"])
    card = release.model_card(
        frontier,
        noss=read_json(Path(f"results/noss/{name}.json")),
        teacher_noss=read_json(Path("results/noss/teacher.json")),
        teacher=read_json(Path("models/teacher/summary.json")),
        targets=read_json(Path("data/targets/summary.json")),
        latency=read_json(Path(f"results/latency/{frontier['device']}/{name}.json")),
        audio={corpus: read_json(Path(f"data/corpus/{corpus}/summary.json")) for corpus in settings.audio.named("corpus")},
    )
    release.make_release(frontier, load_student(Path("models/students", name)), Path("models/tflite", name), card, Path("release"))
    print(f"release: {name}")
