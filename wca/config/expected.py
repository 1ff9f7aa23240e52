"""What an annotation accepts, in the words of a message."""

import enum
import types
from collections.abc import Iterable
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin, is_typeddict

from wca.config.hints import as_constraint

__all__ = ["constraints_of", "expected", "values_of_enum"]

_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    type(None): "nothing (null)",
    list: "a list",
    dict: "a mapping",
    tuple: "a list",
    set: "a list",
    frozenset: "a list",
}


def constraints_of(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """The plain type of a hint and the constraints on it."""
    constraint = as_constraint(hint)
    if constraint is not None:
        return constraint.base, (constraint,)
    if get_origin(hint) is Annotated:
        base, *extras = get_args(hint)
        inner, more = constraints_of(base)
        own = (as_constraint(extra) for extra in extras)
        return inner, (*more, *(found for found in own if found is not None))
    return hint, ()


def values_of_enum(cls: type[enum.Enum]) -> list[Any]:
    """The values that stand for the members in a file."""
    return [member.value for member in cls]


def _choice(words: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(words))
    if "nothing (null)" in distinct:  # what may be left out is said last
        distinct.remove("nothing (null)")
        distinct.append("nothing (null)")
    return " or ".join(distinct)


def _of_origin(origin: Any, hint: Any) -> str:
    if origin in (Union, types.UnionType):
        return _choice(expected(branch) for branch in get_args(hint))
    if origin is Literal:
        return "one of " + ", ".join(repr(value) for value in get_args(hint))
    word = next(
        (word for known, word in _WORDS.items() if isinstance(origin, type) and origin is known),
        "",
    )
    return word or f"{getattr(origin, '__name__', origin)}".lower()


def expected(hint: Any) -> str:
    """``a number between 0 and 60``, ``a list``, ``a Storage``."""
    base, constraints = constraints_of(hint)
    for constraint in reversed(constraints):
        if constraint.expected():
            return str(constraint.expected())
    if isinstance(base, NewType):
        return expected(base.__supertype__)
    if base in _WORDS:
        return _WORDS[base]
    if get_origin(base) is not None:
        return _of_origin(get_origin(base), base)
    if is_typeddict(base):
        return "a mapping with " + ", ".join(base.__annotations__)
    if isinstance(base, type) and issubclass(base, enum.Enum):
        return "one of " + ", ".join(repr(value) for value in values_of_enum(base))
    return f"a {base.__name__}" if isinstance(base, type) else "another value"
