"""What is kept of a measurement in a browser, and how it is shown."""

import json
from pathlib import Path

from frill.browser.answers import About
from frill.browser.runtime import WebRuntime
from frill.browser.timed_file import TimedFile
from frill.device.record import make_record as make_common_record
from frill.device.record import write_record
from frill.errors import UserError
from frill.scratch import atomic_write

HEAD = ("model", "runs on", "ms", "of control", "valid")


def make_record(numbers: dict, about: About, runtime: WebRuntime, timed: list[TimedFile]) -> dict:
    """Return a record: whose milliseconds these are, by what they were measured, and `numbers`.

    The keys that it has in common with results/latency/*/*.json mean the same. `timed` has the
    control last.
    """
    numbers = dict(numbers)
    model = timed[numbers.pop("model")]
    return {
        "schema": 1,
        "file": model.path.name,
        "identity": {"kind": "browser", **about.describe_device()},
        "clock_ms": about.resolution_ms,
        "runtime": f"LiteRT.js {runtime.version}, XNNPACK",
        **numbers,
        "model_sha256": model.sha256,
        "control_sha256": timed[-1].sha256,
    }


def write_records(records: list[dict], path: Path) -> None:
    with atomic_write(path) as new:
        new.write_text(json.dumps({"schema": 1, "records": records}, indent=1) + "\n")


def write_report(numbers: dict, timed: list[TimedFile], rounds: int, path: Path) -> None:
    """Write numbers as the record that `frill compare` reads. Raises UserError if there are none.

    What a record has over invocations a page has over batches, and it is left out.
    """
    if numbers["latency_ms"] is None:
        raise UserError(f"--report {path}: nothing was measured ({numbers['reason']})")
    told = {key: value for key, value in numbers.items() if key not in ("p50_ms", "p90_ms")}
    keys = ("clock_ms", "build", "adapter")
    settings = {"rounds": rounds} | {key: numbers[key] for key in keys}
    write_record(make_common_record(told, timed[0].path, timed[-1].path, settings), path)


def format_row(record: dict) -> list[str]:
    """Return a record as the cells of a table."""
    place = record["accelerator"]
    if record["latency_ms"] is None:
        return [record["file"], place, "", "", f"no: {record['reason']}"]
    if record["threads"] > 1:
        place = f"{place} ({record['threads']})"
    low, high = record["iqr_ms"]
    reason = "; ".join(filter(None, [record["invalid_because"], *record["warnings"]]))
    valid = "yes" if record["valid"] else "no"
    return [
        record["file"],
        place,
        f"{record['latency_ms']:.3f} ({low:.3f} to {high:.3f})",
        f"{record['ratio']:.3f}",
        f"{valid}: {reason}" if reason else valid,
    ]


def format_table(records: list[dict], control: Path) -> list[str]:
    """Return a line for each record, in columns, and what the milliseconds are."""
    rows = [HEAD, *map(format_row, records)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    cosines = [record["cosine"] for record in records if record.get("cosine") is not None]
    if cosines:
        lines.append(f"Outputs: cosine with this host's {min(cosines):.7f} or more.")
    lines.append(f"Quartiles in brackets; the control is {control}.")
    lines.append("These are a browser's milliseconds, not an app's.")
    return lines
