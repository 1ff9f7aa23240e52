"""Reading what JSON gave, part by part: every one knows where it stands."""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from wca.config.words import describe
from wca.errors import ValidationError

__all__ = ["Part", "parse", "rounded"]


class Part:
    """A part of a document.

    Args:
        value: what JSON gave.
        where: its place in the document, for messages; empty: the document itself.
    """

    def __init__(self, value: Any, where: str = "") -> None:
        self._value = value
        self._where = where

    def refuse(self, expected: str) -> ValidationError:
        """The error that says what should be here."""
        place = f"{self._where}: " if self._where else ""
        return ValidationError(f"{place}expected {expected}, got {describe(self._value)}")

    def fields(self, *names: str) -> dict[str, "Part"]:
        """The fields of an object that has these and no others. Raises ValidationError."""
        found = dict(self.entries())
        for name in names:
            if name not in found:
                raise ValidationError(f"{self._below(name)}: is missing")
        for name in found:
            if name not in names:
                known = ", ".join(names)
                raise ValidationError(f"{self._below(name)}: is not known, there are {known}")
        return found

    def entries(self) -> Iterator[tuple[str, "Part"]]:
        """Names and parts of an object with any names. Raises ValidationError."""
        if not isinstance(self._value, dict):
            raise self.refuse("an object")
        for name, value in self._value.items():
            yield name, Part(value, self._below(name))

    def items(self) -> Iterator["Part"]:
        """The parts of a list. Raises ValidationError."""
        if not isinstance(self._value, list):
            raise self.refuse("a list")
        for place, value in enumerate(self._value):
            yield Part(value, f"{self._where}[{place}]")

    def number(self, low: float = 0.0, high: float = 1e30) -> float:
        """A number between two, both included. Raises ValidationError."""
        value = self._value
        good = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not good or not low <= value <= high:  # NaN is neither
            raise self.refuse(f"a number between {low:g} and {high:g}")
        return float(value)

    def numbers(self, size: int) -> Sequence[float]:
        """A list of so many numbers from 0 on. Raises ValidationError."""
        found = tuple(one.number() for one in self.items())
        if len(found) != size:
            raise self.refuse(f"{size} numbers")
        return found

    def count(self, low: int = 0, high: int = 1 << 53) -> int:
        """A whole number between two, both included. Raises ValidationError."""
        number = self.number(low, high)
        if not isinstance(self._value, int):
            raise self.refuse("a whole number")
        return int(number)

    def text(self, *choices: str) -> str:
        """Text that is not empty, one of some if there are any. Raises ValidationError."""
        if not isinstance(self._value, str) or not self._value:
            raise self.refuse("text")
        if choices and self._value not in choices:
            raise self.refuse(" or ".join(choices))
        return self._value

    @property
    def is_null(self) -> bool:
        """Whether there is no value."""
        return self._value is None

    def _below(self, name: str) -> str:
        quoted = name if name.isidentifier() else json.dumps(name[:80])
        return f"{self._where}.{quoted}" if self._where else quoted


def parse(data: bytes) -> Part:
    """A document of JSON in which nothing is said twice. Raises ValidationError."""
    try:
        return Part(json.loads(data, object_pairs_hook=_once, parse_constant=_refuse_constant))
    except ValidationError:
        raise
    except (ValueError, RecursionError) as error:
        raise ValidationError(f"is no JSON: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValidationError(f"{json.dumps(twice[:80])} is in one object twice")
    return found


def _refuse_constant(text: str) -> float:
    raise ValidationError(f"{text} is no number of JSON")


def rounded(value: float) -> float:
    """Six digits: what is beyond differs from one machine to the next."""
    return float(f"{value:.6g}") if math.isfinite(value) else value
