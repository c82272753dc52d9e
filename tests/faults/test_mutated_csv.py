"""The CSV of a folder with damage gives a sentence, rejected files, or another reader's rows."""

import io
import re

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from mutations import NUMBERS, TEXTS, many, mutated

from frill.audio.clips import Clip
from frill.corpora import folder
from frill.corpora.reading import read_all
from frill.errors import UserError
from frill.params.audio import FolderSet

COLUMNS = {
    "file": "path",
    "label": "word",
    "speaker": "who",
    "split": "part",
    "start_s": "from",
    "duration_s": "for",
}
HEADER = "path,word,who,part,from,for,note"
CELLS = []  # of eight rows
for n in range(8):
    word = ["yes", "no"][n % 2]
    part = ["train", "test"][n // 4]
    CELLS.append([f"{n % 3}.wav", word, f"p, {n}", part, str(n / 100), "0.5", ""])
ROWS = [f'{path},{word},"{who}",' + ",".join(rest) for path, word, who, *rest in CELLS]
CSV = "\n".join([HEADER, *ROWS, ""]).encode()
FIELDS = [match.span() for match in re.finditer(rb'(?m)"[^"]*"|(?<=,)[^,"\n]+|^[^,\n]+', CSV)]
WORDS = [*NUMBERS, *TEXTS, b",", b"\n", b"\r\n", b";", b"\t", b'a"b', b'"a', b'a,"']
WORDS += [b"path", b"/etc/passwd", b"0.wav", b"yes", b"a" * 200_000]


@pytest.fixture(scope="module")
def audio(tmp_path_factory):
    root = tmp_path_factory.mktemp("csv")
    for n in range(3):
        samples = 0.1 * (n + 1) * np.sin(np.arange(16000) * (n + 1) / 10)
        soundfile.write(root / f"{n}.wav", samples, 16000)
    return root


def read(root, content: bytes) -> tuple[list[dict], list] | None:
    """Return the CSV's rows and its clips (or rejected ones); None where it was refused.

    Assert that the refusal is one sentence.
    """
    (root / "list.csv").write_bytes(content)
    splits = {"train": ["train"], "test": ["test"]}
    csv = str(root / "list.csv")
    spec = FolderSet(use="task", folder=str(root), csv=csv, columns=COLUMNS, splits=splits)
    try:
        rows = list(folder.read_rows("mine", spec))
        rejected, listed = folder.probe_files("mine", spec)
        items = list(read_all(folder.prepare_reads("mine", spec)))
    except UserError as error:
        assert "\n" not in str(error) and "list.csv" in str(error), str(error)
        return None
    assert len(rows) == len(items) == listed and len(rejected) <= listed
    for item in items:
        if isinstance(item, Clip):
            assert item.samples.dtype == np.int16 and 1 <= len(item.samples) <= 16000
        else:
            assert item.reason and item.kind
    return rows, items


@many
@given(content=mutated(CSV, WORDS, FIELDS))
def test_damage_anywhere_is_a_sentence_or_the_rows_that_stand_there(audio, content):
    result = read(audio, content)
    if result is None:
        return
    rows, _ = result
    frame = pd.read_csv(
        io.BytesIO(content),
        dtype=str,
        keep_default_na=False,
        na_filter=False,
        encoding="utf-8-sig",
        index_col=False,
    )
    columns = [frame[column].str.strip() for column in ("path", "word", "who")]
    expected = list(zip(*columns, strict=True))
    ours = [(row["file"], row["label"], row["speaker"]) for row in rows]
    # A line of white space is a row without a file name, which is rejected; pandas leaves it out.
    blank = ("", "", "")
    assert [row for row in ours if row != blank] == [row for row in expected if row != blank]


def quote(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


@many
@given(
    st.integers(0, 7),
    st.sampled_from(sorted(COLUMNS)),
    st.one_of(st.sampled_from(WORDS), st.text(max_size=6).map(str.encode)),
)
def test_another_field_changes_that_field_only(audio, row, role, word):
    text = word.decode(errors="replace")
    cells = [list(line) for line in CELLS]
    cells[row][list(COLUMNS).index(role)] = text
    lines = [HEADER, *(",".join(map(quote, line)) for line in cells), ""]
    before = read(audio, CSV)
    after = read(audio, "\n".join(lines).encode())
    if after is None:
        return
    for number, (old, new) in enumerate(zip(before[0], after[0], strict=True)):
        changed = {key for key in old if old[key] != new[key]}
        assert changed <= ({role} if number == row else set()), (number, changed)
    if role in ("file", "label", "speaker"):
        assert after[0][row][role] == text.strip()
