"""README and docs: links lead somewhere, README is read in minutes, named commands exist."""

import re
from pathlib import Path

import pytest
from pipeline_project import ROOT

from frill import cli

README = (ROOT / "README.md").read_text()
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def find_sentences(text: str) -> list[str]:
    """Return the sentences of running text: no code, tables, pictures or headings."""
    lines = []
    for line in text.splitlines():
        if re.match(r"    |\||!\[|#", line):
            lines.append(".\n")
        else:
            lines.append(line.removeprefix("- ") or ".\n")
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", " ".join(lines))
    sentences = re.split(r"(?<=[.:?])[\s*]+(?=[\[A-Z`*]|$)|\n", text)
    return [each.strip() for each in sentences if len(each.split()) > 2]


def test_readme_is_short_at_its_top_and_its_sentences_are_short():
    top = README.split("\n## ")[0]
    assert len(" ".join(find_sentences(top)).split()) <= 200
    assert "![" in top and "make quick" in top
    words = sorted(len(sentence.split()) for sentence in find_sentences(README))
    assert words[-1] <= 40
    assert words[int(0.9 * len(words))] <= 27


def test_every_command_that_pages_name_exists():
    commands = {name for names in cli.GROUPS.values() for name in names}
    targets = set(re.findall(r"(?m)^([\w-]+):", (ROOT / "Makefile").read_text()))
    for page in PAGES:
        if page.name == "CHANGELOG.md":
            continue
        code = re.findall(r"`([^`\n]+)`|(?m:^    (.+)$)", page.read_text())
        for text in map("".join, code):
            if match := re.match(r"frill ([a-z]+)\b", text):
                assert match[1] in commands, (page.name, text)
            if match := re.match(r"make ([a-z-]+)\b", text):
                assert match[1] in targets, (page.name, text)
    assert {path.stem for path in Path(cli.FOLDER).glob("[a-z]*.py")} == commands
