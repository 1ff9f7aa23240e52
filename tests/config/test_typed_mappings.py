"""A mapping with known keys: each has a type of its own, and a wrong one is told where it stands."""

from typing import Annotated, Required, TypedDict

import pytest

from wca.config.convert import MISSING, Converter
from wca.config.expected import expected
from wca.config.types import Constraint, Ratio, Size
from wca.errors import ValidationError


class Budget(TypedDict, total=False):
    cpu: Annotated[float, Ratio(0.001, 1)]
    memory: Annotated[int, Size()]


class Named(TypedDict):
    name: Required[str]


def convert(value, hint=Budget):
    converter = Converter()
    made = converter.convert(value, hint)
    return made, [(issue.path, issue.message) for issue in converter.issues]


def test_each_value_becomes_what_its_key_asks_for():
    assert convert({"cpu": "2%", "memory": "64MiB"}) == ({"cpu": 0.02, "memory": 64 << 20}, [])
    assert convert({"cpu": 0.5}) == ({"cpu": 0.5}, [])
    assert convert({}) == ({}, [])


@pytest.mark.parametrize(
    ("value", "path", "words"),
    [
        ({"cpu": "2 percent"}, ("cpu",), "such as 0.02 or 2%"),
        ({"cpus": "2%"}, ("cpus",), "unknown field, did you mean cpu?"),
        ({"disk": 1}, ("disk",), "unknown field; known: cpu, memory"),
        ("2%", (), "expected a mapping"),
        (["cpu"], (), "expected a mapping"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(value, path, words):
    made, ((at, message),) = convert(value)
    assert made is MISSING
    assert at == path
    assert words in message


def test_all_that_is_wrong_is_told_at_once():
    made, issues = convert({"cpu": 7, "memory": "much", "disk": 1})
    assert made is MISSING
    assert {path for path, _ in issues} == {("cpu",), ("memory",), ("disk",)}


def test_a_key_that_must_be_there_is_asked_for():
    assert convert({}, Named) == (MISSING, [((), "name is missing")])


def test_its_keys_are_named_in_documents():
    assert expected(Budget) == "a mapping with cpu, memory"


class NotBoth(Constraint):
    """Two keys that do not go together."""

    def check(self, value):
        if len(value) > 1:
            raise ValidationError("write one of them")


def test_a_constraint_on_the_whole_is_told_where_the_mapping_begins(refuse):
    hint = list[Annotated[Budget, NotBoth()]]
    assert (
        refuse(hint, "[{}, {cpu: 2%, memory: 1MiB}]")
        == "c.yaml:2:11: runner.x[1]: write one of them"
    )
