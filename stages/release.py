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
    tensorflow_setup.set_up(settings.threads, settings.seed, settings.onednn)
    from frill.release.make import check_parity, choose_clips, write_models, write_texts
    from frill.release.model_card import describe_licences, render_model_card
    from frill.students.convert import MODEL, find_limit

    def read_json(path: Path) -> dict:
        return json.loads(path.read_text())

    frontier = read_frontier(Path("results/frontier.json"))
    selected = frontier.selected_student
    if selected is None:
        raise UserError(frontier.reason)
    name = selected.name
    out = Path("release")
    teacher = read_json(Path("models/teacher/summary.json"))
    corpora = [Path("data/corpus", corpus) for corpus in settings.audio.list_sets("corpus")]
    audio = {folder.name: read_json(folder / "summary.json") for folder in corpora}
    scored = Path("models/tflite", name, MODEL).read_bytes()
    licence = describe_licences(teacher, audio)
    write_models(selected, Path("models/students", name), scored, licence, out)
    limit = getattr(settings.convert, find_limit(selected.precision, bool(selected.qat)))
    parity = check_parity(selected, out, choose_clips(corpora), limit)
    card = render_model_card(
        frontier,
        noss=read_scores(Path(f"results/noss/{name}.json")),
        teacher_noss=read_scores(Path("results/noss/teacher.json")),
        teacher=teacher,
        targets=read_json(Path("data/targets/summary.json")),
        latency=read_json(Path(f"results/latency/{frontier.device}/{name}.json")),
        audio=audio,
        parity=parity,
    )
    write_texts(card, out)
    cosine = parity["min_cosine"]
    print(f"release: {name}; frill.tflite's cosine with the scored file {cosine:.6f} or more")
