"""The texts of a release: model card and examples, which Jinja fills in.

They are files of their own languages in templates/. The card says what the model is, its origin,
its quality and latency, its limits. The examples are the shortest programs that embed audio with
frill.tflite, with the numbers of the frontend and of the file.
"""

from importlib.resources import files

import jinja2

from frill.audio import frontend
from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.frontier.results import Frontier
from frill.noss.results import ModelScores

# LiteRT 2's CompiledModel cannot resize an input from Kotlin, and the number of samples varies:
# hence the Interpreter of 1.4.
ANDROID_PACKAGE = "com.google.ai.edge.litert:litert:1.4.1"
EXAMPLES = ("example.py", "Frill.kt")
ENVIRONMENT = jinja2.Environment(
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=jinja2.StrictUndefined,
    autoescape=False,  # noqa: S701 - none of them is HTML
)


def _render(name: str, **values) -> str:
    template = files("frill.release").joinpath("templates", f"{name}.jinja")
    return ENVIRONMENT.from_string(template.read_text("utf-8")).render(values)


def render_examples(values: int) -> dict[str, str]:
    """Return each example's text by its file's name. `values` is the length of an embedding."""
    numbers = {
        "rate_hz": SAMPLE_RATE_HZ,
        "values": values,
        "step_ms": frontend.WINDOW_HOP_SAMPLES * 1000 // SAMPLE_RATE_HZ,
        "min_samples": frontend.MIN_SAMPLES,
        "frame": frontend.FRAME_SAMPLES,
        "hop": frontend.HOP_SAMPLES,
        "window_frames": frontend.WINDOW_FRAMES,
        "window_hop": frontend.WINDOW_HOP_FRAMES,
        "package": ANDROID_PACKAGE,
    }
    return {name: _render(name, **numbers) for name in EXAMPLES}


def render_model_card(
    frontier: Frontier,
    noss: ModelScores,
    teacher_noss: ModelScores,
    teacher: dict,
    targets: dict,
    latency: dict,
    audio: dict[str, dict],
) -> str:
    """Return the card's text.

    `noss` and `latency` are the selected student's results, `audio` the summaries of the corpora
    by name.
    """
    return _render(
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
