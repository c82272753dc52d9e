"""The page that `dvc plots show` fills, with Vega inside: DVC's own fetches it from the network.

DVC puts plots where it reads {plot_divs}; without {scripts} it adds none of its own. `make` writes
the page into .venv/ once, and .dvc/config names it.
"""

from pathlib import Path

import vl_convert

PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>frill: dvc plots</title>
<script>LIBRARY</script>
<body>
{plot_divs}
</body>
</html>
"""


def write_template(path: Path) -> None:
    """Write the page to a file; .dvc/config names it."""
    library = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed")
    path.write_text(PAGE.replace("LIBRARY", library), encoding="utf-8")
