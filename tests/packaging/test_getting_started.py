"""docs/getting-started.md from its first line to its last, as a new user would do it."""

import re

import pytest

from tests.docs.pages import ROOT
from tests.services import free_port

PAGE = (ROOT / "docs" / "getting-started.md").read_text()
#: A block, with the paragraph before it.
BLOCK = re.compile(r"((?:[^\n]+\n)*)\n?```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SAVED = re.compile(r"[Ss]ave (?:this|it) as\s`([^`]+)`")


def getting_started_commands():
    """Every command of the page."""
    blocks = [text for _, language, text in BLOCK.findall(PAGE) if language == "sh"]
    return [line for text in blocks for line in text.splitlines()]


@pytest.mark.alone
def test_each_step_does_what_the_page_says(checkout):
    port, said = free_port(), ""
    for before, language, text in BLOCK.findall(PAGE):
        text = text.replace("127.0.0.1:8000", f"127.0.0.1:{port}").replace("8000)", f"{port})")
        saved = SAVED.search(before)
        if saved is not None:
            checkout.write(saved[1], text)
        elif language == "sh":
            done = checkout.shell(text.removeprefix("make\n"))
            said = done.stdout + done.stderr
            assert done.returncode == ("broken" in text), said
        else:
            for line in text.splitlines():
                pattern = re.escape(line).replace("1234", r"\d+")
                assert re.search(pattern, said), said
    assert re.search(r"HTTPStorage: \d+ samples of an earlier run wait in its spool", said)
    assert len(re.findall(r"^\d+ bytes$", said, re.MULTILINE)) >= 4
