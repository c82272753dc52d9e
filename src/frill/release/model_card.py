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
    audio: dict[str, dict],
    parity: dict,
) -> str:
    """Return the card's text.

    `noss` and `latency` are the selected student's results, `audio` the summaries of the corpora
    by name, `parity` that of the files with frontend with the scored one.
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


def _describe_device(latency: dict) -> str:
    device = latency["identity"]
    if device["kind"] == "host":
        return f"{device['cpu']}, {device['system']}"
    return (
        f"{device['manufacturer']} {device['model']}, Android {device['android']}, "
        f"cores {latency['cores']} (mask {latency['core_mask']})"
    )
