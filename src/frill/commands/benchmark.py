"""Times one .tflite file by hand on a device of params.yaml, in turns with a control model."""

import json
from argparse import ArgumentParser
from pathlib import Path

from frill.device.known_input import KnownInput
from frill.device.measure import measure
from frill.errors import UserError
from frill.params.load import load_params

CONTROL = Path("models/controls/random_weights.tflite")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("model", type=Path, help="a .tflite file of one float32 input")
    parser.add_argument(
        "--device", help="a name under `devices` in params.yaml; without it the selection's"
    )
    control = f"the model it is timed in turns with ({CONTROL}, or itself)"
    parser.add_argument("--control", type=Path, default=CONTROL, help=control)
    out = "write all that was measured to this file"
    parser.add_argument("--json", dest="out", metavar="JSON", type=Path, help=out)


def run(model: Path, device: str | None, control: Path, out: Path | None) -> int:
    print(time_by_hand(model, device, control, out))
    return 0


def time_by_hand(model: Path, name: str | None, control: Path, out: Path | None) -> str:
    """Measures and returns what to print. Without the control's file the model is its own control: the ratio's spread is then the noise of the device."""
    settings = load_params()
    name = name or settings.selection.device
    if name not in settings.devices:
        raise UserError(
            f"--device {name}: params.yaml has {', '.join(settings.devices)} under devices; name one of them, or add it there"
        )
    if not model.is_file():
        raise UserError(
            f"{model}: no such file; give a .tflite file, such as release/frill_nofrontend.tflite"
        )
    control = control if control.is_file() else model
    for path in (model, control):
        KnownInput(path)  # says what is wrong with a file that cannot be timed
    result = measure(model, control, name, settings.devices[name])
    if out:
        out.write_text(json.dumps(result, indent=1) + "\n")
    return "\n".join(lines(result, str(model), name, str(control)))


def lines(result: dict, model: str, name: str, control: str) -> list[str]:
    """A measurement as text; `result` as results/latency/*/*.json."""
    low, high = result["iqr_ms"]
    ratio_low, ratio_high = result["ratio_iqr"]
    found = result["identity"]
    android = f"Android {found['android']}" if found.get("android") else ""
    device = " ".join(
        filter(None, [found.get("cpu"), found.get("manufacturer"), found.get("model"), android])
    )
    times = "processes" if "processes" in result else "rounds"
    each = "means" if result.get("statistic") == "mean" else "medians"
    p95_over = f" over {result['p95_over']}" if "p95_over" in result else ""
    told = [
        f"{model} on {name}"
        + (f" ({device})" if device else "")
        + f", {result['runtime']}, {result['threads']} thread{'s' if result['threads'] > 1 else ''}",
        f"  latency   {result['latency_ms']:.3f} ms, median of the {each} of {result[times]} {times} (quartiles {low:.3f} to {high:.3f}, p95{p95_over} {result['p95_ms']:.3f}), "
        f"{result['runs']} runs",
        f"  ratio     {result['ratio']:.3f} (quartiles {ratio_low:.3f} to {ratio_high:.3f}) of {control}, {result['control_ms']:.3f} ms",
    ]
    if result.get("cosine") is not None:
        told.append(f"  output    cosine {result['cosine']:.7f} with this machine's")
    if result.get("peak_memory_mib") is not None:
        told.append(
            f"  memory    {result['peak_memory_mib']:.1f} MiB at its peak, {'tool included' if found['kind'] == 'adb' else 'beside Python and LiteRT'}"
        )
    if result.get("operators"):
        told.append(
            "  operators "
            + ", ".join(
                f"{row['name']} {100 * row['share']:.0f} %" for row in result["operators"][:4]
            )
        )
    if result.get("discarded"):
        told.append(
            f"  discarded {len(result['discarded'])} pairs: {'; '.join(sorted(set(result['discarded'])))}"
        )
    return told + [f"  warning   {warning}" for warning in result.get("warnings", [])]
