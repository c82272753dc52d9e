"""The texts of a release: files of their own languages in templates/, filled in by Jinja."""

from importlib.resources import files

import jinja2

ENVIRONMENT = jinja2.Environment(
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=jinja2.StrictUndefined,
    autoescape=False,  # noqa: S701 - none of them is HTML
)


def render(name: str, **values) -> str:
    """Return the text of templates/NAME.jinja. Raises jinja2.UndefinedError for a missing value."""
    template = files("frill.release").joinpath("templates", f"{name}.jinja")
    return ENVIRONMENT.from_string(template.read_text("utf-8")).render(values)
