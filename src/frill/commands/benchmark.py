"""Time one .tflite file by hand on a device of params.yaml, in turns with a control model."""

import json
from argparse import ArgumentParser
from pathlib import Path

from frill.device.measure import measure
from frill.device.timed_model import TimedModel
from frill.errors import UserError
from frill.params.load import load_params

CONTROL = Path("models/controls/random_weights.tflite")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("model", type=Path, help="a .tflite file of one float32 input")
    device = "a name under `devices` in params.yaml; without it the selection's"
    parser.add_argument("--device", help=device)
    control = f"the model it is timed in turns with ({CONTROL}, or itself)"
    parser.add_argument("--control", type=Path, default=CONTROL, help=control)
    out = "write all that was measured to this file"
    parser.add_argument("--json", dest="out", metavar="JSON", type=Path, help=out)


def run(model: Path, device: str | None, control: Path, out: Path | None) -> int:
    """Time `model` and print the result.

    Without the control's file the model is its own control: the ratio's spread is then the noise
    of the device.
    """
    settings = load_params()
    name = device or settings.selection.device
    if name not in settings.devices:
        raise UserError(
            f"--device {name}: params.yaml has {', '.join(settings.devices)} under devices; "
            "name one of them, or add it there"
        )
    if not model.is_file():
        raise UserError(
            f"{model}: no such file; give a .tflite file, such as release/frill_nofrontend.tflite"
        )
    control = control if control.is_file() else model
    for path in (model, control):
        TimedModel(path)  # says what is wrong with a file that cannot be timed
    result = measure(model, control, name, settings.devices[name])
    if out:
        out.write_text(json.dumps(result, indent=1) + "\n")
    print("\n".join(format_measurement(result, str(model), name, str(control))))
    return 0


def format_measurement(result: dict, model: str, name: str, control: str) -> list[str]:
    """Return a measurement as lines; `result` is as results/latency/*/*.json."""
    lines = [_format_setting(result, model, name)]
    low, high = result["iqr_ms"]
    unit = "processes" if "processes" in result else "rounds"
    each = "means" if result.get("statistic") == "mean" else "medians"
    p95_over = f" over {result['p95_over']}" if "p95_over" in result else ""
    lines.append(
        f"  latency   {result['latency_ms']:.3f} ms, median of the {each} of {result[unit]} {unit} "
        f"(quartiles {low:.3f} to {high:.3f}, p95{p95_over} {result['p95_ms']:.3f}), "
        f"{result['runs']} runs"
    )
    low, high = result["ratio_iqr"]
    lines.append(
        f"  ratio     {result['ratio']:.3f} (quartiles {low:.3f} to {high:.3f}) of {control}, "
        f"{result['control_ms']:.3f} ms"
    )
    if result.get("cosine") is not None:
        lines.append(f"  output    cosine {result['cosine']:.7f} with this machine's")
    if result.get("peak_memory_mib") is not None:
        on_phone = result["identity"]["kind"] == "adb"
        beside = "tool included" if on_phone else "beside Python and LiteRT"
        lines.append(f"  memory    {result['peak_memory_mib']:.1f} MiB at its peak, {beside}")
    if result.get("operators"):
        shares = [f"{row['name']} {100 * row['share']:.0f} %" for row in result["operators"][:4]]
        lines.append(f"  operators {', '.join(shares)}")
    if result.get("discarded"):
        reasons = "; ".join(sorted(set(result["discarded"])))
        lines.append(f"  discarded {len(result['discarded'])} pairs: {reasons}")
    return lines + [f"  warning   {warning}" for warning in result.get("warnings", [])]


def _format_setting(result: dict, model: str, name: str) -> str:
    identity = result["identity"]
    parts = [identity.get(key) for key in ("cpu", "manufacturer", "model")]
    if identity.get("android"):
        parts.append(f"Android {identity['android']}")
    device = " ".join(filter(None, parts))
    if device:
        device = f" ({device})"
    plural = "s" if result["threads"] > 1 else ""
    return f"{model} on {name}{device}, {result['runtime']}, {result['threads']} thread{plural}"
