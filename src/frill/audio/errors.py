"""Why audio cannot be used."""

from typing import Literal

Kind = Literal[
    "unreadable",
    "truncated",
    "empty",
    "silent",
    "not_finite",
    "too_loud",
    "missing",
    "outside",
    "unknown_label",
    "archive",
]
SHORT_S = 0.1  # less than this is an encoder's padding or a careless writer, more is missing audio


class AudioError(Exception):
    """Audio that cannot be used. The message says why without the file's name, `kind` in a word."""

    def __init__(self, message: str, kind: Kind = "unreadable"):
        super().__init__(message)
        self.kind = kind
