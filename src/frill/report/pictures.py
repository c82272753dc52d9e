"""Charts as PNG and SVG files, drawn by vl-convert with fonts of its own: equal data give equal bytes."""

from pathlib import Path

import altair as alt
import vl_convert

WIDTH = 800


def write(charts: dict[str, alt.TopLevelMixin], folder: Path) -> None:
    """NAME.png and NAME.svg of each, on white, 800 units wide."""
    for name, chart in charts.items():
        spec = chart.to_dict() | {"width": WIDTH, "background": "white"}
        (folder / f"{name}.svg").write_text(vl_convert.vegalite_to_svg(spec))
        (folder / f"{name}.png").write_bytes(vl_convert.vegalite_to_png(spec, scale=1.5))
