"""The shell scripts that run on the phone. What varies reaches them as "$1", "$2" and so on."""

import re
from importlib.resources import files


def read_script(name: str) -> str:
    """Return the script of that name without its comments: the phone gets commands only."""
    text = (files(__name__) / f"{name}.sh").read_text()
    return re.sub(r"(?m)^#.*\n", "", text).strip()
