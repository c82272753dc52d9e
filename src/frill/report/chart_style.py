"""What all pictures of the report share: colours, frame, units.

Ink is `currentColor`, so that a picture takes the page's, in the light and in the dark scheme. The
colours of the series are readable on both, and are never the only sign.
"""

import altair as alt

BACKBONES = {"tiny": "#2f8fb3", "small": "#d1603d", "large": "#8a6fd1"}
PARTS = {"backbone": "#2f8fb3", "bottleneck": "#d1603d", "rest of the file": "#8f8f8f"}
OUTCOMES = {"quality": "#2f8fb3", "latency_ms": "#d1603d", "file_bytes": "#8a6fd1"}
AXIS_INK = ("labelColor", "titleColor", "tickColor", "domainColor")
MIB = 2**20


def colour_by(field: str, colours: dict[str, str]) -> alt.Color:
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color(f"{field}:N", scale=scale, legend=alt.Legend(title=None))


def frame(chart: alt.TopLevelMixin, height: int) -> alt.TopLevelMixin:
    """Return the chart as wide as the page lets it be, legends above, in the page's ink."""
    framed = chart.properties(width="container", height=height, background="transparent")
    framed = framed.configure(font="sans-serif").configure_view(stroke=None)
    framed = framed.configure_axis(
        **dict.fromkeys(AXIS_INK, "currentColor"),
        gridColor="gray",
        gridOpacity=0.25,
        labelFontSize=12,
        titleFontSize=12,
        titleFontWeight="normal",
    )
    return framed.configure_legend(
        orient="top",
        labelColor="currentColor",
        labelFontSize=12,
        symbolStrokeColor="currentColor",
    )
