"""params.yaml with damage: a sentence, or exactly the values that stand there."""

import re
from pathlib import Path

import pytest
from dvc.utils.serialize import load_yaml
from hypothesis import given
from hypothesis import strategies as st
from mutations import NUMBERS, TEXTS, many, mutated
from pipeline_project import ROOT

from frill.check import check
from frill.errors import UserError
from frill.params.load import load_params, validate

DEFAULT = (ROOT / "params.yaml").read_bytes()
VALUES = [match.span(1) for match in re.finditer(rb"(?m)^[^#\n]*?: ([^\s#{\[][^,}#\n]*)", DEFAULT)]
VALUES += [match.span(1) for match in re.finditer(rb"(?<=[,{] )\w+: ([^,}\n]+)", DEFAULT)]
WORDS = (
    NUMBERS
    + TEXTS
    + [
        b"none",
        b"null",
        b"~",
        b"true",
        b"no",
        b"[]",
        b"{}",
        b"[1, 2]",
        b"{a: 1}",
        b"*a",
        b"&a 1",
        b"!!python/object:os.system x",
    ]
)
WORDS += [
    b"!!int x",
    b"2020-13-45",
    b"2020-01-01",
    b"<<",
    b"|",
    b"- ",
    b"\t",
    b"%YAML 1.3\n---\n",
    b"small",
    b"size",
    b"host",
]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Paths in params.yaml are relative to the project's folder."""
    monkeypatch.chdir(tmp_path)
    Path("src/frill/teacher").mkdir(parents=True)


def read(content: bytes):
    """Return the validated params, or None if they were refused in sentences that name the file."""
    Path("params.yaml").write_bytes(content)
    try:
        params = load_params()
        check(params)
    except UserError as error:
        assert all(line.strip() for line in str(error).split("\n")), repr(str(error))
        assert "params.yaml" in str(error)
        return None
    return params


@many
@given(mutated(DEFAULT, WORDS, VALUES))
def test_damage_anywhere_is_a_sentence_or_what_dvc_reads_too(content):
    params = read(content)
    assert params is None or params == validate(load_yaml("params.yaml"))


def leaves(value, path: str = "") -> dict:
    if not isinstance(value, dict) or not value:
        return {path: value}
    below = {}
    for name, inner in value.items():
        below |= leaves(inner, f"{path}.{name}")
    return below


LETTERS = st.text(max_size=6).map(lambda text: text.encode("utf-8", "replace"))


@many
@given(st.sampled_from(VALUES), st.one_of(st.sampled_from(WORDS), LETTERS))
def test_another_value_changes_that_value_only(place, word):
    begin, end = place
    params = read(DEFAULT[:begin] + word + DEFAULT[end:])
    if params is not None:
        before = leaves(load_params(ROOT / "params.yaml").model_dump())
        after = leaves(params.model_dump())
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        key = re.search(rb"([\w.]+): $", DEFAULT[:begin])[1].decode()
        assert all(key in path.split(".") for path in changed), (key, changed)
