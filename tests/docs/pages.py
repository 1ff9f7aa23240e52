"""The code blocks of the documentation."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(r"^```([\w{}]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language):
    """Page name, number of the line and text of every block in a language."""
    return list(_blocks(language))


def _blocks(language):
    for page in PAGES:
        text = page.read_text()
        for match in _BLOCK.finditer(text):
            if match[1] == language:
                line = text.count("\n", 0, match.start()) + 1
                yield page.name, line, match[2]


def languages():
    """The languages of all blocks."""
    return {match[1] for page in PAGES for match in _BLOCK.finditer(page.read_text())}
