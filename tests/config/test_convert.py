# ruff: noqa: UP006, UP007, UP035, UP045 - plugins write annotations in all of these ways
"""Values against plain annotations."""

import enum
import pathlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import (
    Any,
    Callable,
    Dict,
    List,
    Literal,
    NewType,
    Optional,
    Protocol,
    Set,
    Tuple,
    TypeVar,
    Union,
)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.config.convert import MISSING, Converter
from wca.errors import ConfigLoadError


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Level(enum.IntEnum):
    LOW = 1


class Opaque:
    """An annotation that cannot be hashed and means nothing."""

    __hash__ = None


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (int, "5", 5),
        (float, "5", 5.0),
        (float, "1e3", 1000.0),
        (str, "'5'", "5"),
        (str, "yes", "yes"),
        (bool, "true", True),
        (None, "null", None),
        (Any, "{a: [1, x]}", {"a": [1, "x"]}),
        (object, "5", 5),
        (list, "[1, a]", [1, "a"]),
        (dict, "{1: a}", {1: "a"}),
        (List, "[1]", [1]),
        (Dict, "{a: 1}", {"a": 1}),
        (List[int], "[1, 2]", [1, 2]),
        (Sequence[int], "[1]", [1]),
        (Iterable[str], "[a]", ["a"]),
        (Mapping[str, float], "{a: 1}", {"a": 1.0}),
        (Tuple[int, str], "[1, a]", (1, "a")),
        (tuple[int, ...], "[1, 2, 3]", (1, 2, 3)),
        (tuple, "[1]", (1,)),
        (Set[str], "[a, a]", {"a"}),
        (frozenset[str], "[a]", frozenset("a")),
        (Optional[int], "5", 5),
        (Optional[int], "null", None),
        (Union[int, str], "a", "a"),
        (Union[float, int], "5", 5),
        (Union[List[str], Tuple[int, int]], "[1, 2]", (1, 2)),
        (Union[bool, str], "/x", "/x"),
        (Literal["a", 1], "1", 1),
        (Colour, "red", Colour.RED),
        (Level, "1", Level.LOW),
        (Dict[str, Colour], "{a: green}", {"a": Colour.GREEN}),
        (Dict[Colour, int], "{red: 1}", {Colour.RED: 1}),
        (NewType("Id", str), "a", "a"),
        (TypeVar("T"), "5", 5),
        (pathlib.Path, "/a", pathlib.Path("/a")),
        (["nonsense"], "5", 5),
        (5, "5", 5),
    ],
)  # fmt: skip
def test_a_fitting_value_arrives_as_the_annotation_says(build, annotation, text, value):
    got = build(annotation, text)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("annotation", "text", "message"),
    [
        (int, "true", "expected a whole number, got the boolean true"),
        (float, "true", "expected a number, got the boolean true"),
        (int, "5.0", "expected a whole number, got the number 5.0"),
        (int, "'5'", "expected a whole number, got the text '5', write 5 without quotes"),
        (float, "abc", "expected a number, got the text 'abc'"),
        (str, "5", "expected text, got the number 5, put it in quotes: '5'"),
        (str, "1.10", "expected text, got the number 1.1, put it in quotes: '1.10'"),
        (str, "2020-01-01", "got the date 2020-01-01, put it in quotes: '2020-01-01'"),
        (str, "true", "expected text, got the boolean true, put it in quotes: 'true'"),
        (str, "{}", "expected text, got a mapping"),
        (bool, "yes", "expected true or false, got the text 'yes', write true"),
        (bool, "Off", "expected true or false, got the text 'Off', write false"),
        (bool, "'true'", "got the text 'true', write true without quotes"),
        (bool, "1", "expected true or false, got the number 1"),
        (List[int], "5", "expected a list, got the number 5, write [5]"),
        (List[int], "{a: 1}", "expected a list, got a mapping"),
        (Dict[str, int], "[a]", "expected a mapping, got a list"),
        (Dict[str, int], "{1: 1}", "runner.x[1]: the key: expected text, got the number 1"),
        (Tuple[int, str], "[1]", "expected a list of 2 items, got 1"),
        (Set[Any], "[[1]]", "a set cannot hold lists or mappings"),
        (Literal["fast", "slow"], "fats", "expected one of 'fast', 'slow', got the text 'fats'"),
        (Literal["fast", "slow"], "fats", "did you mean 'fast'?"),
        (Literal[1], "true", "expected one of 1, got the boolean true"),
        (Colour, "rde", "expected one of 'red', 'green', got the text 'rde', did you mean 'red'?"),
        (Level, "true", "got the boolean true"),
        (Union[int, bool], "a", "expected a whole number or true or false, got the text 'a'"),
        (Optional[Colour], "[red]", "expected one of 'red', 'green', got a list"),
        (float, "1" + "0" * 400, "the number is too large"),
        (Callable[[], int], "5", "expected a Callable, got the number 5"),
    ],
)
def test_a_wrong_value_gets_one_sentence(refuse, annotation, text, message):
    assert message in refuse(annotation, text)


def test_every_wrong_item_is_reported_with_its_place(problems):
    class Foo:
        def __init__(self, x: Dict[str, List[int]]):
            pass

        def run(self):
            pass

    assert problems("runner: !Foo\n  x:\n    a: [1, b]\n    c: d\n    e: [f]\n", Foo) == [
        "c.yaml:3:12: runner.x.a[1]: expected a whole number, got the text 'b'",
        "c.yaml:4:8: runner.x.c: expected a list, got the text 'd', write [d]",
        "c.yaml:5:9: runner.x.e[0]: expected a whole number, got the text 'f'",
    ]


def test_a_union_speaks_of_the_branch_that_got_deepest(refuse):
    message = refuse(Union[str, List[int], Dict[str, List[int]]], "{a: [1, x]}")
    assert message == "c.yaml:2:14: runner.x.a[1]: expected a whole number, got the text 'x'"


class Storage(ABC):
    @abstractmethod
    def store(self):
        """Store."""


class LogStorage(Storage):
    def store(self):
        """Store."""


class Node:
    pass


def test_a_component_fits_its_own_and_its_base_class(build):
    assert isinstance(build(Storage, "!LogStorage", LogStorage), LogStorage)
    assert isinstance(build(LogStorage, "!LogStorage", LogStorage), LogStorage)
    assert len(build(List[Storage], "[!LogStorage , !LogStorage ]", LogStorage)) == 2
    assert isinstance(build(Union[Node, Storage], "!LogStorage", LogStorage), LogStorage)


def test_another_component_does_not_fit(refuse):
    assert "expected a Storage, got a Node" in refuse(Storage, "!Node", Node)


def test_a_plain_mapping_is_never_a_component(refuse):
    message = refuse(Storage, "{}", LogStorage)
    assert "expected a Storage, got a mapping, write the tag of a component" in message
    assert message.endswith(": !LogStorage")


def test_the_name_of_a_component_without_its_mark_is_noticed(refuse):
    assert refuse(Storage, "LogStorage", LogStorage).endswith("write !LogStorage")


def test_a_component_where_none_is_wanted_is_refused(refuse):
    assert "expected a number, got a Node" in refuse(float, "!Node", Node)


def test_a_protocol_that_cannot_be_checked_is_not(build):
    class Anything(Protocol):
        def store(self): ...

    assert build(Anything, "5") == 5


def test_a_list_shared_by_an_anchor_stays_one_list(load):
    class Foo:
        def __init__(self, x: List[int], y: List[int]):
            self.x, self.y = x, y

        def run(self):
            pass

    runner = load("runner: !Foo\n  x: &a [1, 2]\n  y: *a\n", Foo).runner
    assert runner.x is runner.y


def test_an_annotation_that_cannot_be_hashed_costs_only_its_own_check(build):
    assert build(Opaque(), "5") == 5


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
_hints = st.recursive(
    st.sampled_from([int, float, str, bool, None, Any, Colour, Storage, Literal["a"]]),
    lambda inner: (
        inner.map(lambda hint: List[hint])
        | inner.map(lambda hint: Dict[str, hint])
        | inner.map(lambda hint: Optional[hint])
        | st.tuples(inner, inner).map(lambda pair: Union[pair])
        | st.tuples(inner, inner).map(lambda pair: Tuple[pair])
    ),
    max_leaves=4,
)


@given(_values, _hints)
def test_any_value_is_converted_or_refused_with_a_path_into_it(value, hint):
    converter = Converter()
    made = converter.convert(value, hint)
    assert (made is MISSING) == bool(converter.issues)
    for issue in converter.issues:
        inner = value
        for step in issue.path:
            inner = inner[step]
        assert issue.message


def test_a_bomb_of_aliases_is_refused_in_time(load):
    lines = ["runner: !Foo", "  x:", "    - &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    hint = List[int]
    for level in range(1, 8):
        lines.append(f"    - &a{level} [" + ", ".join([f"*a{level - 1}"] * 10) + "]")
    for _ in range(7):
        hint = List[Union[int, hint]]

    class Foo:
        def __init__(self, x: hint):
            pass

        def run(self):
            pass

    with pytest.raises(ConfigLoadError, match="more than 100000 values"):
        load("\n".join(lines), Foo)
