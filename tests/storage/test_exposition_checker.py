"""The strict checker: what it accepts, and every violation that it names."""

import pytest

from wca.testing import check_exposition

VALID = """\
# HELP a Help \\\\ with \\n escapes and "quotes".
# TYPE a gauge
a 1
a{x="1"} -1.5e-07 1560541957165

# TYPE b counter
b{x="\\\\ \\" \\n {},=",y=""} +Inf
b{y="1"} NaN
c 0
"""


def test_a_valid_text_has_no_problems():
    assert check_exposition(VALID) == []


def test_no_text_is_valid():
    assert check_exposition("") == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a 1", "does not end with a newline"),
        ("a 1\na 2\n", "line 2: the series occurs twice: a 2"),
        ('a{x="1",y="2"} 1\na{y="2",x="1"} 1\n', "line 2: the series occurs twice"),
        ('a 1\na{x=""} 1\n', "line 2: the series occurs twice"),
        ('a 1\nb 1\na{x="1"} 1\n', "line 3: family a is split"),
        ("# TYPE a gauge\nb 1\na 1\n", "line 3: family a is split"),
        ("# TYPE a gauge\n# TYPE a gauge\na 1\n", "line 2: TYPE of a occurs twice"),
        ("# HELP a A.\n# HELP a A.\na 1\n", "line 2: HELP of a occurs twice"),
        ("a 1\n# TYPE a gauge\n", "line 2: TYPE of a follows its first sample"),
        ("a 1\n# HELP a A.\n", "line 2: HELP of a follows its first sample"),
        ("# TYPE a meter\n", "'meter' is no type"),
        ("# HELP a \\d\n", "backslash that is not escaped"),
        ("# HELP a \\\\\\d\n", "backslash that is not escaped"),
        ("# a comment\n", "neither HELP nor TYPE"),
        ('a{x="1",x="2"} 1\n', "a label name occurs twice"),
        ('a{__x="1"} 1\n', "label __x is reserved"),
        ('a{x-y="1"} 1\n', "not a sample"),
        ('a{x="\\d"} 1\n', "not a sample"),
        ('a{x="1"}1\n', "not a sample"),
        ("a{} 1\n", "not a sample"),
        ("1a 1\n", "not a sample"),
        ("a True\n", "not a sample"),
        ("a nan\n", "not a sample"),
        ("a inf\n", "not a sample"),
        ("a\n", "not a sample"),
        ("a 1 1.5\n", "not a sample"),
        ("a 1\r\n", "not a sample"),
    ],
)
def test_a_violation_is_named(text, problem):
    problems = check_exposition(text)
    assert len(problems) == 1
    assert problem in problems[0]
