"""Bytes with damage done to them, for hypothesis.

Damage is a few edits, each at any place or in place of a field. An edit writes random bytes, or a
word that is known to hurt.
"""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# Mutations of each test, the same ones each time; docs/reliability.md holds what 1,000 gave.
EXAMPLES = int(os.environ.get("FRILL_MUTATIONS", "60"))
many = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

NUMBERS = [
    b"0",
    b"-1",
    b"1e309",
    b"1e-3",
    b"017",
    b"0o17",
    b"1:30",
    b"1_000",
    b".nan",
    b"-.inf",
    b"nan",
    b"1e300",
    b"9" * 400,
]
TEXTS = [
    b"",
    b" ",
    b"\0",
    b"\xff",
    b"\xc3\xa9",
    b"\xf0\x9f\x92\xa5",
    b"\xe2\x80\xa8",
    b"\xef\xbb\xbf",
    b"'",
    b'"',
    b'""',
    b"../..",
    b"$(x)",
    b"a\nb",
    b"\r",
]


def mutated(
    original: bytes, words: list[bytes], fields: list[tuple[int, int]] = (), longest_cut: int = 40
) -> st.SearchStrategy[bytes]:
    """Return `original` after one to four edits, each a word or random bytes.

    They stand over what is there, or in place of up to `longest_cut` bytes or of one of `fields`.
    """
    begins = st.integers(0, len(original))
    over = st.tuples(begins, st.none())
    cuts = st.tuples(begins, st.integers(0, longest_cut))
    places = st.one_of(over, over, cuts.map(lambda cut: (cut[0], sum(cut))))
    if fields:
        places = st.one_of(places, st.sampled_from(fields))
    edits = st.tuples(places, st.one_of(st.sampled_from(words), st.binary(min_size=1, max_size=8)))

    def apply(drawn: list) -> bytes:
        changed = original
        # From the end, so that places stay right.
        for (begin, end), new in sorted(drawn, key=lambda edit: edit[0][0], reverse=True):
            if end is None:
                end = begin + len(new)
            changed = changed[:begin] + new + changed[end:]
        return changed

    return st.lists(edits, min_size=1, max_size=4).map(apply)
