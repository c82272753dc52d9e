"""Texts of a release or a head: files of their own languages in templates/, filled in by Jinja."""

from importlib.resources import files

import jinja2

ENVIRONMENT = jinja2.Environment(
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=jinja2.StrictUndefined,
    autoescape=False,  # noqa: S701 - none of them is HTML
)


def render(template: str, room: str = "release", **values) -> str:
    """Return the text of templates/TEMPLATE.jinja of frill's `room`.

    Raises jinja2.UndefinedError for a missing value.
    """
    file = files(f"frill.{room}").joinpath("templates", f"{template}.jinja")
    return ENVIRONMENT.from_string(file.read_text("utf-8")).render(values)
