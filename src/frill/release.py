"""release/: the selected student as others use it.

frill.tflite              samples float32 [1, T] in [-1, 1], 16 kHz -> embedding float32 [windows, 2048]
frill_nofrontend.tflite   log-mel windows float32 [1, 96, 64, 1]    -> embedding float32 [1, 2048]
saved_model/              module(samples [B, T]) -> {'embedding': [B * windows, 2048]}, the signature of the published FRILL
MODEL_CARD.md, SHA256SUMS
"""

import hashlib
import json
import shutil
from pathlib import Path

import tensorflow as tf
import tf_keras as keras

from frill import frontend_tf
from frill.errors import UserError
from frill.tflite import MODEL, convert_with_frontend


class Module(tf.Module):
    """The student behind the log-mel frontend."""

    def __init__(self, student: keras.Model):
        super().__init__()
        # Variables and a closure, not the Keras model: saving that would trace every layer once more.
        self.kept = student.variables
        self._embed = lambda windows: student(tf.reshape(windows, [-1, *student.input_shape[1:]]), training=False)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="samples")])
    def __call__(self, samples):
        return {"embedding": self._embed(frontend_tf.windows(samples))}


def make_release(frontier: dict, student: keras.Model, tflite: Path, card: str, out: Path) -> None:
    """Writes release/. `tflite` is the selected student's folder of converted files. Raises UserError if nothing is selected."""
    if frontier["selected"] is None:
        raise UserError(frontier["reason"])
    out.mkdir(parents=True, exist_ok=True)
    selected = _selected(frontier)
    (out / "frill.tflite").write_bytes(convert_with_frontend(student, selected["precision"], bool(selected["qat"])))
    shutil.copyfile(tflite / MODEL, out / "frill_nofrontend.tflite")
    module = Module(student)
    tf.saved_model.save(module, str(out / "saved_model"), signatures=module.__call__.get_concrete_function())
    (out / "saved_model" / "fingerprint.pb").unlink(missing_ok=True)  # differs between equal models
    (out / "MODEL_CARD.md").write_text(card)
    files = sorted(path for path in out.rglob("*") if path.is_file())
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(out).as_posix()}" for path in files]
    (out / "SHA256SUMS").write_text("\n".join(sums) + "\n")


def model_card(frontier: dict, noss: dict, teacher_noss: dict, teacher: dict, targets: dict, latency: dict, audio: dict[str, dict]) -> str:
    """The card's text. `noss`, `latency` are the selected student's results, `audio` the summaries of the corpora by name."""
    student = _selected(frontier)
    rows = [
        f"| {task} | {scores['test_accuracy']:.1f} | {teacher_noss['tasks'][task]['test_accuracy']:.1f} | {len(scores['test_correct'])} |"
        for task, scores in noss["tasks"].items()
    ]
    low, high = student["quality_test_interval"]
    corpora = "; ".join(f"{name}: {summary['audio_s'] / 3600:.2f} h, {summary['clips']} clips" for name, summary in audio.items())
    origin = "synthetic speech by eSpeak NG" if frontier["synthetic"] else "the audio named in params.yaml"
    caution = (
        "**All audio behind this model is synthetic. Its accuracies say nothing about real voices; do not ship it in a product.**\n\n"
        if frontier["synthetic"]
        else ""
    )
    width, rank = student["width"], student["rank"] or "none"
    trainings, seeds = (f" of {student['seeds']} trainings, of which this file is the first", " and seeds") if student["seeds"] > 1 else ("", "")
    frontend_note = " Its weights are int8 and its activations float: log-mel is not computed in int8." if student["precision"] == "int8" else ""
    return f"""# {student["name"]}: a non-semantic speech embedding

{caution}MobileNetV3 student of FRILL's family (arXiv 2011.04609): backbone {student["backbone"]}, width {width}, pooling {student["pooling"]}, rank {rank}, \
qat {student["qat"]}, precision {student["precision"]}. {student["parameters"] / 1e6:.2f} M parameters, {student["multiply_adds"] / 1e6:.1f} M multiply-adds a window, \
{student["file_bytes"] / 2**20:.1f} MiB.

Why this one: {frontier["reason"]}.

## Use
`frill.tflite` takes samples float32 [1, T] in [-1, 1], 16 kHz mono, and gives one embedding for every 170 ms (0.96 s windows); audio under 1 s is padded.{frontend_note}
`frill_nofrontend.tflite` takes one log-mel window [1, 96, 64, 1]. In Python: `frill.Embedder("frill_nofrontend.tflite").embed(samples, sample_rate_hz)`.

## How it was made
Teacher: {teacher["source"]}, output `{teacher["output"]}` ({teacher["values"]} values), projected to {targets["target_values"]} ({targets["kept_variance"]:.1%} of the variance).
Distilled from {origin} ({corpora}).

## Results
Latency: {student["latency_ms"]:.3f} ms a window on {_device(frontier["device"], latency)} ({latency["runtime"]}, {latency["threads"]} thread(s)), without frontend.
Accuracy of a linear probe on the {frontier["pooling"]} over the clip's windows, test clips, in percent:

| task | this model | teacher | test clips |
|---|---|---|---|
{chr(10).join(rows)}

Mean difference from the teacher on test{trainings}: {student["quality_test"]:+.2f} points (95 % interval {low:+.2f} to {high:+.2f}, over clips{seeds}, whole speakers where there are speakers).

## Limits
Not for identifying or surveilling people. Licences of the audio and of the teacher apply to what is made from them.
"""


def _device(name: str, latency: dict) -> str:
    """Its name in params.yaml, and for a phone which it is."""
    phone = latency.get("identity")
    if phone is None:
        return f"`{name}`"
    return f"`{name}`: {phone['manufacturer']} {phone['model']}, Android {phone['android']}, cores {latency['cores']} (mask {latency['core_mask']})"


def _selected(frontier: dict) -> dict:
    return next(s for s in frontier["students"] if s["name"] == frontier["selected"])


def read_json(path: Path) -> dict:
    return json.loads(path.read_text())
