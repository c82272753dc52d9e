"""MODEL_CARD.md: what the model is, its origin, its quality and latency, its limits."""

from frill.frontier.results import Frontier
from frill.noss.results import ModelScores
from frill.release.template import render


def render_model_card(
    frontier: Frontier,
    noss: ModelScores,
    teacher_noss: ModelScores,
    teacher: dict,
    targets: dict,
    latency: dict,
    frontend: dict,
    audio: dict[str, dict],
    parity: dict,
) -> str:
    """Return the card's text.

    `noss` and `latency` are the selected student's results, `frontend` the latency of log-mel alone
    on the same device, `audio` the summaries of the corpora by name, `parity` that of the files
    with frontend with the scored one.
    """
    return render(
        "MODEL_CARD.md",
        frontier=frontier,
        student=frontier.selected_student,
        noss=noss,
        teacher_noss=teacher_noss,
        teacher=teacher,
        targets=targets,
        latency=latency,
        frontend=_describe_frontend(frontier.selected_student.latency_ms, latency, frontend),
        device=_describe_device(latency),
        audio=audio,
        parity=parity,
        licences=describe_licences(teacher, audio),
    )


def describe_licences(teacher: dict, audio: dict[str, dict]) -> str:
    """Name the licences of all that the model was made from, as far as their sources state them."""
    corpora = []
    for name, summary in audio.items():
        licences = [f"{licence} ({clips} clips)" for licence, clips in summary["licences"].items()]
        corpora.append(f"{name}: {', '.join(licences)}")
    return (
        f"Audio: {'; '.join(corpora)}. Teacher: that of {teacher['source']}. Code: Apache-2.0. "
        "Those of audio and teacher apply to what is made from them."
    )


def _describe_frontend(window_ms: float, latency: dict, frontend: dict) -> str:
    """Return a sentence on what the frontend adds to a window's latency, as ratios to the control
    have it.
    """
    if frontend["latency_ms"] is None:
        return f"The frontend was not timed there ({frontend['reason']})."
    frontend_ms = window_ms * frontend["ratio"] / latency["ratio"]
    whole_ms = window_ms + frontend_ms
    return (
        "An app computes log-mel first: timed alone on 1 s of samples there, "
        f"{frontend_ms:.3f} ms, {frontend_ms / whole_ms:.0%} of the {whole_ms:.3f} ms of both."
    )


def _describe_device(latency: dict) -> str:
    device = latency["identity"]
    if device["kind"] == "host":
        return f"{device['cpu']}, {device['system']}"
    return (
        f"{device['manufacturer']} {device['model']}, Android {device['android']}, "
        f"cores {latency['cores']} (mask {latency['core_mask']})"
    )
