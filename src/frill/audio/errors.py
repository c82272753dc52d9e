"""Why audio cannot be used."""

from typing import Literal

Kind = Literal[
    "unreadable",
    "truncated",
    "empty",
    "silent",
    "not_finite",
    "missing",
    "outside",
    "unknown_label",
    "archive",
]


class AudioError(Exception):
    """Audio that cannot be used. The message says why without the file's name, `kind` in a word."""

    def __init__(self, message: str, kind: Kind = "unreadable"):
        super().__init__(message)
        self.kind = kind
