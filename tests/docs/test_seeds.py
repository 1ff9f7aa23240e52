"""docs/seeds.md has one row per sentence, a known status in each, and tests that exist.

A row that needs several tests has commas between them.
"""

import ast
import re

import pytest

from tests.docs.pages import ROOT

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "seeds.md").read_text().splitlines()
    if re.match(r"\| \d+ \|", line)
]
STATUS = re.compile(r"(holds differently|holds|not applicable|not yet)\b")


def test_there_are_rows():
    assert len(ROWS) > 60


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1][:40])
def test_a_row_has_a_status_and_shows_where_it_is_tested(row):
    assert len(row) == 4, row
    status = STATUS.match(row[2])
    assert status, row[2]
    if status[1].startswith("holds"):
        assert "::" in row[3], "a sentence that holds names its test"
    if status[1] in ("holds differently", "not applicable"):
        assert ":" in row[2], "the status says how or why"


@pytest.mark.parametrize(
    "test", sorted({test for row in ROWS for test in row[3].split(", ") if test})
)
def test_the_named_test_exists(test):
    path, _, function = test.partition("::")
    assert (ROOT / path).exists(), path
    if function:
        tree = ast.parse((ROOT / path).read_text())
        assert function in {
            node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
        }
