"""The whole of release/ from a finished project: the selected student, or one that is named."""

import json
from dataclasses import replace
from pathlib import Path

from frill.errors import UserError
from frill.frontier.results import Frontier, read_frontier
from frill.noss.results import read_scores
from frill.params.schema import FRONTEND, Params
from frill.release.make import check_parity, choose_clips, write_models, write_texts
from frill.release.model_card import describe_licences, render_model_card
from frill.students.convert import MODEL, find_limit


def write_release(settings: Params, out: Path, student: str | None = None) -> dict:
    """Write files, card and sums into `out`, and return the parity of those with frontend.

    Raises UserError if nothing is selected, or if there is no such student.
    """
    frontier = read_frontier(Path("results/frontier.json"))
    if student is not None:
        frontier = _select(frontier, student)
    selected = frontier.selected_student
    if selected is None:
        raise UserError(frontier.reason)
    name = selected.name
    teacher = _read_json(Path("models/teacher/summary.json"))
    corpora = [Path("data/corpus", corpus) for corpus in settings.audio.list_sets("corpus")]
    audio = {folder.name: _read_json(folder / "summary.json") for folder in corpora}
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
        targets=_read_json(Path("data/targets/summary.json")),
        latency=_read_json(Path(f"results/latency/{frontier.device}/{name}.json")),
        frontend=_read_json(Path(f"results/latency/{frontier.device}/{FRONTEND}.json")),
        audio=audio,
        parity=parity,
    )
    write_texts(card, out)
    return parity | {"student": name}


def _select(frontier: Frontier, name: str) -> Frontier:
    """Return the frontier as if a student had been selected; the reason says that it was named."""
    sound = {student.name: student.is_sound for student in frontier.students}
    if name not in sound:
        raise UserError(f"--student {name}: no such student; there are {', '.join(sound)}")
    if not sound[name]:
        raise UserError(f"--student {name}: its training diverged; name another student")
    reason = f"{name} was named by hand; what the selection says: {frontier.reason}"
    return replace(frontier, selected=name, reason=reason)


def _read_json(path: Path) -> dict:
    return json.loads(path.read_text())
