"""reports/index.html: one page without network that shows the frontier, the table, tasks and training curves."""

from html import escape
from importlib.resources import files
from pathlib import Path

from frill.show import notes


def write_page(frontier: dict, noss: dict[str, dict], folder: Path) -> None:
    """`noss` maps every model's name to its results/noss JSON. The pictures are already in `folder`."""
    template = (files("frill.report") / "page.html").read_text()
    synthetic = "<p class=warning>Synthetic speech (eSpeak NG). These figures rank students; they say nothing about real voices.</p>"
    values = {
        "WARNING": synthetic if frontier["synthetic"] else "",
        "SELECTED": escape(str(frontier["selected"])),
        "REASON": escape(frontier["reason"]),
        "FRONTIER": _inline_svg(folder / "frontier.svg", "Latency against quality of every student; the table below holds the same figures"),
        "STUDENTS": _students(frontier) + "".join(f"<p>{escape(line)}" for line in notes(frontier)),
        "TASKS": _tasks(frontier, noss),
        "CURVES": _inline_svg(folder / "curves.svg", "Validation R2 over training steps for every student"),
    }
    for key, value in values.items():
        template = template.replace(f"<!--{key}-->", value)
    (folder / "index.html").write_text(template)


def _inline_svg(path: Path, description: str) -> str:
    svg = path.read_text()
    return f'<div role=img aria-label="{escape(description)}" class=picture>{svg[svg.index("<svg") :]}</div>'


def _students(frontier: dict) -> str:
    rows = []
    for s in sorted(frontier["students"], key=lambda s: s["latency_ms"]):
        low, high = s["quality_interval"]
        note = "selected" if s["name"] == frontier["selected"] else "diverged" if s["status"] != "ok" else frontier["over_budget"].get(s["name"], "")
        cells = [
            s["name"], s["backbone"], f"{s['width']:g}", s["pooling"], s["rank"] or "none", s["qat"], s["precision"], s["seeds"],
            f"{s['latency_ms']:.3f}", f"{s['file_bytes'] / 2**20:.2f}", f"{s['multiply_adds'] / 1e6:.1f}",
            f"{s['quality']:+.2f}", f"{low:+.2f} to {high:+.2f}", f"{s['quality_test']:+.2f}", f"{s['mean_test_accuracy']:.1f}",
            "yes" if s["on_frontier"] else "", note,
        ]  # fmt: skip
        rows.append(_row(cells, "selected" if s["name"] == frontier["selected"] else ""))
    for r in frontier["references"]:
        latency = "" if r["latency_ms"] is None else f"{r['latency_ms']:.3f}"
        cells = [r["name"], *[""] * 7, latency, "", "", f"{r['quality']:+.2f}", ""]
        rows.append(_row([*cells, f"{r['quality_test']:+.2f}", f"{r['mean_test_accuracy']:.1f}", "", "reference"], "reference"))
    head = ["student", "backbone", "width", "pooling", "rank", "qat", "precision", "seeds", "latency ms", "MiB", "M multiply-adds"]
    head += ["quality", "95 % interval", "test", "accuracy %", "on frontier", "note"]
    return _table(head, rows)


def _tasks(frontier: dict, noss: dict[str, dict]) -> str:
    models = [m["name"] for m in frontier["references"] + frontier["students"]]
    tasks = list(noss[models[0]]["tasks"])
    rows = [_row([name, *(f"{noss[name]['tasks'][task]['test_accuracy']:.1f}" for task in tasks)]) for name in models]
    return _table(["test accuracy, %", *tasks], rows)


def _row(cells: list, style: str = "") -> str:
    first, *rest = (escape(str(cell)) for cell in cells)
    return f"<tr class='{style}'><th scope=row>{first}</th>{''.join(f'<td>{cell}</td>' for cell in rest)}</tr>"


def _table(head: list[str], rows: list[str]) -> str:
    titles = "".join(f"<th scope=col>{escape(title)}</th>" for title in head)
    return f"<div class=scroll><table><thead><tr>{titles}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
