"""The examples in release/: the shortest programs that embed audio with frill.tflite.

Their numbers are the frontend's and the file's own, filled in when the release is made.
"""

from frill.audio import frontend
from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.release.template import render

# LiteRT 2's CompiledModel cannot resize an input from Kotlin, and the number of samples varies:
# hence the Interpreter of 1.4.
ANDROID_PACKAGE = "com.google.ai.edge.litert:litert:1.4.1"
EXAMPLES = ("example.py", "Frill.kt")


def render_examples(values: int) -> dict[str, str]:
    """Return each example's text by its file's name. `values` is the length of an embedding."""
    numbers = list_numbers() | {"values": values}
    return {name: render(name, **numbers) for name in EXAMPLES}


def list_numbers() -> dict[str, int | str]:
    """Return what the examples say of the frontend and of Android's package."""
    return {
        "rate_hz": SAMPLE_RATE_HZ,
        "step_ms": frontend.WINDOW_HOP_SAMPLES * 1000 // SAMPLE_RATE_HZ,
        "min_samples": frontend.MIN_SAMPLES,
        "frame": frontend.FRAME_SAMPLES,
        "hop": frontend.HOP_SAMPLES,
        "window_frames": frontend.WINDOW_FRAMES,
        "window_hop": frontend.WINDOW_HOP_FRAMES,
        "package": ANDROID_PACKAGE,
    }
