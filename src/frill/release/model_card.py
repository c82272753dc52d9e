"""MODEL_CARD.md: what the released model is, where it came from, how good and fast it is and what it must not be used for."""

from frill.frontier.selection import find_selected


def model_card(
    frontier: dict,
    noss: dict,
    teacher_noss: dict,
    teacher: dict,
    targets: dict,
    latency: dict,
    audio: dict[str, dict],
) -> str:
    """The card's text. `noss`, `latency` are the selected student's results, `audio` the summaries of the corpora by name."""
    student = find_selected(frontier)
    rows = [
        _task_row(task, scores, teacher_noss, student) for task, scores in noss["tasks"].items()
    ]
    low, high = student["quality_test_interval"]
    fast_ms, slow_ms = student["latency_interval_ms"]
    corpora = "; ".join(
        f"{name}: {summary['audio_s'] / 3600:.2f} h, {summary['clips']} clips"
        for name, summary in audio.items()
    )
    origin = (
        "synthetic speech by eSpeak NG"
        if frontier["synthetic"]
        else "the audio named in params.yaml"
    )
    caution = (
        "**All audio behind this model is synthetic. Its accuracies say nothing about real voices; do not ship it in a product.**\n\n"
        if frontier["synthetic"]
        else ""
    )
    width, rank = student["width"], student["rank"] or "none"
    trainings, seeds = (
        (f" of {student['seeds']} trainings, of which this file is the first", " and seeds")
        if student["seeds"] > 1
        else ("", "")
    )
    frontend_note = (
        " Its weights are int8 and its activations float: log-mel is not computed in int8."
        if student["precision"] == "int8"
        else ""
    )
    return f"""# {student["name"]}: a non-semantic speech embedding

{caution}MobileNetV3 student of FRILL's family (arXiv 2011.04609): backbone {student["backbone"]}, width {width}, pooling {student["pooling"]}, rank {rank}, \
qat {student["qat"]}, precision {student["precision"]}. {student["parameters"] / 1e6:.2f} M parameters, {student["multiply_adds"] / 1e6:.1f} M multiply-adds a window, \
{student["file_bytes"] / 2**20:.1f} MiB.

Why this one: {frontier["reason"]}.

## Use
`frill.tflite` takes samples float32 [1, T] in [-1, 1], 16 kHz mono, and gives one embedding for every 170 ms (0.96 s windows); audio under 1 s is padded.{frontend_note}
`frill_nofrontend.tflite` takes one log-mel window [1, 96, 64, 1]. In Python either: `frill.Embedder("frill.tflite").embed(samples, sample_rate_hz)`.
`saved_model/`: signature `serving_default` gives 'embedding' [B * windows, values], as the published FRILL; `time_resolved` gives [B, windows, values].
`example.py` and `Frill.kt` are the shortest programs for Python and Android; both need 16 kHz.
The .tflite files carry TFLite metadata, which is all that sets frill_nofrontend.tflite apart from the file that was timed and scored.

## How it was made
Teacher: {teacher["source"]}, output `{teacher["output"]}` ({teacher["values"]} values), projected to {targets["target_values"]} ({targets["kept_variance"]:.1%} of the variance).
Distilled from {origin} ({corpora}).

## Results
Latency: {student["latency_ms"]:.3f} ms a window (95 % interval {fast_ms:.3f} to {slow_ms:.3f}) on {_device(frontier["device"], latency)} ({latency["runtime"]}, {latency["threads"]} thread{"s" if latency["threads"] > 1 else ""}), without frontend.
Accuracy of a linear probe on the {frontier["pooling"]} over the clip's windows, test clips, in percent:

| task | this model | teacher | difference, 95 % interval | test clips |
|---|---|---|---|---|
{chr(10).join(rows)}

Mean difference from the teacher on test{trainings}: {student["quality_test"]:+.2f} points (95 % interval {low:+.2f} to {high:+.2f}, over clips{seeds}, whole speakers where there are speakers).

## Limits
Tried on the tasks above only; the windows are 0.96 s long and what is slower than that is not in an embedding. Not for identifying or surveilling people.

## Licences
{licences(teacher, audio)}
"""


def licences(teacher: dict, audio: dict[str, dict]) -> str:
    """A sentence on each thing that the model was made from, as far as their sources state it."""
    sets = [
        f"{name}: "
        + ", ".join(f"{licence} ({clips} clips)" for licence, clips in summary["licences"].items())
        for name, summary in audio.items()
    ]
    return f"Audio: {'; '.join(sets)}. Teacher: that of {teacher['source']}. Code: Apache-2.0. Those of audio and teacher apply to what is made from them."


def _task_row(task: str, scores: dict, teacher_noss: dict, student: dict) -> str:
    accuracy, reference = scores["test_accuracy"], teacher_noss["tasks"][task]["test_accuracy"]
    difference = student["tasks"][task]["test"]
    low, high = difference["interval"]
    points = f"{difference['points']:+.1f} ({low:+.1f} to {high:+.1f})"
    return (
        f"| {task} | {accuracy:.1f} | {reference:.1f} | {points} | {len(scores['test_correct'])} |"
    )


def _device(name: str, latency: dict) -> str:
    """Its name in params.yaml, and which it is."""
    found = latency["identity"]
    if found["kind"] == "host":
        return f"`{name}`: {found['cpu']}, {found['system']}"
    return f"`{name}`: {found['manufacturer']} {found['model']}, Android {found['android']}, cores {latency['cores']} (mask {latency['core_mask']})"
