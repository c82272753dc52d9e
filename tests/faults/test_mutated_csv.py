"""The CSV of a folder with damage: a sentence, rejected files with their reasons, or the rows that another reader of CSVs finds there too."""

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
ROWS = [
    f'{n % 3}.wav,{["yes", "no"][n % 2]},"p, {n}",{["train", "test"][n // 4]},{n / 100},0.5,'
    for n in range(8)
]
CSV = "\n".join([HEADER, *ROWS, ""]).encode()
FIELDS = [match.span() for match in re.finditer(rb'(?m)"[^"]*"|(?<=,)[^,"\n]+|^[^,\n]+', CSV)]
WORDS = (
    NUMBERS
    + TEXTS
    + [
        b",",
        b"\n",
        b"\r\n",
        b";",
        b"\t",
        b'a"b',
        b'"a',
        b'a,"',
        b"path",
        b"/etc/passwd",
        b"0.wav",
        b"yes",
        b"a" * 200_000,
    ]
)


@pytest.fixture(scope="module")
def audio(tmp_path_factory):
    root = tmp_path_factory.mktemp("csv")
    for n in range(3):
        soundfile.write(
            root / f"{n}.wav", 0.1 * (n + 1) * np.sin(np.arange(16000) * (n + 1) / 10), 16000
        )
    return root


def read(root, content: bytes) -> tuple[list[dict], list] | None:
    """The CSV's rows and its clips (or rejected ones); None where it was refused in a sentence."""
    (root / "list.csv").write_bytes(content)
    splits = {"train": ["train"], "test": ["test"]}
    spec = FolderSet(
        use="task", folder=str(root), csv=str(root / "list.csv"), columns=COLUMNS, splits=splits
    )
    try:
        rows = list(folder.rows("mine", spec))
        rejected, listed = folder.probe_files("mine", spec)
        items = list(folder.clips("mine", spec))
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
    found = read(audio, content)
    if found is None:
        return
    frame = pd.read_csv(
        io.BytesIO(content),
        dtype=str,
        keep_default_na=False,
        na_filter=False,
        encoding="utf-8-sig",
        index_col=False,
    )
    expected = [
        tuple(str(row[column]).strip() for column in ("path", "word", "who"))
        for row in frame.to_dict("records")
    ]
    ours = [(row["file"], row["label"], row["speaker"]) for row in found[0]]
    blank = (
        "",
        "",
        "",
    )  # a line of white space is a row without a file name, which is rejected; pandas leaves it out
    assert [row for row in ours if row != blank] == [row for row in expected if row != blank]


@many
@given(
    st.integers(0, 7),
    st.sampled_from(sorted(COLUMNS)),
    st.one_of(st.sampled_from(WORDS), st.text(max_size=6).map(str.encode)),
)
def test_another_field_changes_that_field_only(audio, row, role, word):
    cells = [
        [
            f"{n % 3}.wav",
            ["yes", "no"][n % 2],
            f"p, {n}",
            ["train", "test"][n // 4],
            str(n / 100),
            "0.5",
            "",
        ]
        for n in range(8)
    ]
    text = word.decode(errors="replace")
    cells[row][list(COLUMNS).index(role)] = text
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in line) for line in cells]
    before, after = read(audio, CSV), read(audio, "\n".join([HEADER, *quoted, ""]).encode())
    if after is None:
        return
    for number, (old, new) in enumerate(zip(before[0], after[0], strict=True)):
        changed = {key for key in old if old[key] != new[key]}
        assert changed <= ({role} if number == row else set()), (number, changed)
    if role in ("file", "label", "speaker"):
        assert after[0][row][role] == text.strip()
