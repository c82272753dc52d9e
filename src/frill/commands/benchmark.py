"""Time .tflite files by hand, each in turns with a control model: on a device of params.yaml, or in
a browser.
"""

import errno
import json
import os
import sys
from argparse import ArgumentParser
from pathlib import Path

from frill.browser import benchmark as in_browser
from frill.device.errors import SpoiltError
from frill.device.measure import measure
from frill.device.timed_model import TimedModel
from frill.errors import UserError
from frill.params.devices import AdbDevice, Device
from frill.params.load import load_params

CONTROL = Path("models/controls/random_weights.tflite")
QUICK_PAIRS = 3


def add_arguments(parser: ArgumentParser) -> None:
    models = "a .tflite file of one float32 input; several are shown in one table, too"
    parser.add_argument("models", metavar="model", nargs="+", type=Path, help=models)
    device = "a name under `devices` in params.yaml; without it the selection's"
    parser.add_argument("--device", help=device)
    control = f"the model it is timed in turns with ({CONTROL}, or itself)"
    parser.add_argument("--control", type=Path, default=CONTROL, help=control)
    quick = f"a first look: {QUICK_PAIRS} pairs, which have no interval"
    parser.add_argument("--quick", action="store_true", help=quick)
    out = "write all that was measured to this file; of several models, a list"
    parser.add_argument("--json", dest="out", metavar="JSON", type=Path, help=out)
    report = "write a record of one model that others can read (docs/pixel.md), for `frill compare`"
    parser.add_argument("--report", metavar="JSON", type=Path, help=report)
    in_browser.add_arguments(parser)


def run(
    models: list[Path],
    device: str | None,
    control: Path,
    quick: bool,
    out: Path | None,
    report: Path | None,
    browser: bool,
    **page,
) -> int:
    """Time each of `models` and print the results; `page` is what --browser takes.

    Without the control's file a model is its own control: the ratio's spread is then the noise of
    the device.
    """
    _refuse_unusable(models, control)
    if report and len(models) > 1:
        raise UserError(f"--report {report}: a record is of one model; give one")
    for option, path in {"--json": out, "--report": report}.items():
        if path:
            _prepare_file(option, path)
    if browser:
        if device:
            raise UserError(f"--device {device}: --browser takes what opens its page; leave it out")
        if quick and page["rounds"] != in_browser.DEFAULTS["rounds"]:
            raise UserError(f"--rounds {page['rounds']}: give --quick or --rounds, not both")
        if quick:
            page["rounds"] = QUICK_PAIRS
        return in_browser.run(models, control, out, report, **page)
    given = [f"--{key}" for key, value in page.items() if value != in_browser.DEFAULTS[key]]
    if given:
        raise UserError(
            f"{', '.join(given)}: only --browser takes that; "
            "what a device takes is in params.yaml, under devices"
        )
    params = load_params()
    name = device or params.selection.device
    if name not in params.devices:
        raise UserError(
            f"--device {name}: params.yaml has {', '.join(params.devices)} under devices; "
            "name one of them, or add it there"
        )
    settings = params.devices[name]
    if quick:
        settings = shorten(settings)
    results = []
    try:
        for model in models:
            beside = control if control.is_file() else model
            results.append(_measure_one(model, beside, name, settings, report))
    finally:  # a phone that is lost, or Ctrl-C, costs no model that was timed before
        if out and results:
            content = results if len(models) > 1 else results[0]
            out.write_text(json.dumps(content, indent=1) + "\n")
    if len(models) > 1:
        print("\n" + "\n".join(format_table(results, [str(model) for model in models])))
    if quick:
        print(f"--quick: a first look at {QUICK_PAIRS} pairs; leave it out for a number to keep")
    return 0


def shorten(device: Device) -> Device:
    """Return the settings of a first look."""
    pairs = "processes" if isinstance(device, AdbDevice) else "rounds"
    return device.model_copy(update={pairs: QUICK_PAIRS, "cadence_runs": QUICK_PAIRS})


def _refuse_unusable(models: list[Path], control: Path) -> None:
    """Raise UserError for a file that cannot be timed, before any is."""
    for model in models:
        if not model.is_file():
            raise UserError(
                f"{model}: no such file; "
                "give a .tflite file, such as release/frill_nofrontend.tflite"
            )
    if control != CONTROL and not control.is_file():
        raise UserError(f"--control {control}: no such file; give a .tflite file, or leave it out")
    for path in [*models, control]:
        if path.is_file():
            TimedModel(path)


def _prepare_file(option: str, path: Path) -> None:
    """Make the folder of a file to write. Raises UserError, before minutes of timing, for no file.

    `option` is what named it.
    """
    reason = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"its folder cannot be made: {error.strerror}"
    else:
        if path.is_dir():
            reason = "it is a folder"
        elif not os.access(path if path.exists() else path.parent, os.W_OK):
            reason = os.strerror(errno.EACCES)
    if reason:
        raise UserError(f"{option} {path}: cannot be written ({reason}); give another file")


def _measure_one(
    model: Path, control: Path, name: str, settings: Device, report: Path | None
) -> dict:
    """Return a result and print it. One that was spoilt is told, recorded, and raised again."""
    try:
        result = measure(model, control, name, settings)
    except SpoiltError as error:
        if report:
            _write(report, error.result, model, control, settings)
            print(f"{report}: written, as not valid", file=sys.stderr)
        raise
    if report:
        _write(report, result, model, control, settings)
    print("\n".join(format_measurement(result, str(model), name, str(control))))
    return result


def _write(report: Path, result: dict, model: Path, control: Path, settings: Device) -> None:
    from frill.device.record import make_record, write_record

    write_record(make_record(result, model, control, settings.model_dump()), report)


def format_table(results: list[dict], models: list[str]) -> list[str]:
    """Return several results side by side; `results` as results/latency/*/*.json."""
    width = max(len("model"), *map(len, models))
    lines = [f"{'model':<{width}}  {'MiB':>6}  {'ms':>9}  {'quartiles':>19}  {'ratio':>6}  cosine"]
    for model, result in zip(models, results, strict=True):
        low, high = result["iqr_ms"]
        cosine = result.get("cosine")
        lines.append(
            f"{model:<{width}}  {Path(model).stat().st_size / 2**20:>6.2f}  "
            f"{result['latency_ms']:>9.3f}  {f'{low:.3f} to {high:.3f}':>19}  "
            f"{result['ratio']:>6.3f}  {'' if cosine is None else f'{cosine:.5f}'}".rstrip()
        )
    return lines


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
    first = "" if result["first_ms"] is None else f", first inference {result['first_ms']:.3f} ms"
    lines.append(f"  cold      opening {result['init_ms']:.3f} ms{first}")
    if result.get("cadence_ms") is not None:
        lines.append(
            f"  cadence   {result['cadence_ms']:.3f} ms at an app's pace, one each 170 ms, "
            f"{result['cadence_runs']} runs"
        )
    if result.get("cosine") is not None:
        lines.append(f"  output    cosine {result['cosine']:.7f} with this machine's")
    if result.get("peak_memory_mib") is not None:
        added = result["added_memory_mib"]
        added_text = "" if added is None else f"{added:.1f} MiB added, "
        process = result["process_memory_mib"]
        lines.append(f"  memory    {added_text}the whole process {process:.1f} MiB at its peak")
    for part in result.get("delegation") or []:
        of = "" if part["all_nodes"] is None else f" of {part['all_nodes']}"
        lines.append(
            f"  delegated {part['nodes']}{of} nodes to {part['delegate']}, "
            f"{part['partitions']} partitions"
        )
    if result.get("operators"):
        shares = [f"{row['name']} {100 * row['share']:.0f} %" for row in result["operators"][:4]]
        lines.append(f"  operators {', '.join(shares)}")
    if result.get("discarded"):
        reasons = "; ".join(sorted(set(result["discarded"])))
        lines.append(f"  discarded {len(result['discarded'])} pairs: {reasons}")
    if not result["valid"]:
        lines.append(f"  not valid {result['invalid_because']}")
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
    return (
        f"{model} on {name}{device}, {result['runtime']}, {result['accelerator']}, "
        f"{result['threads']} thread{plural}"
    )
