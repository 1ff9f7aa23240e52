"""Names and values as a configuration describes them: literally, or by regular expression."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from wca.errors import ValidationError

__all__ = ["LabelPatterns", "NamePatterns", "compile_pattern"]

_PLAIN = re.compile(r"[\w:]*", re.ASCII)


def compile_pattern(text: str, field: str) -> re.Pattern[str]:
    """Compile a regular expression of Python.

    Args:
        text: the expression.
        field: where it was written, for the message.

    Raises:
        ValidationError: it is none.
    """
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValidationError(f"{field}: {text!r} is no regular expression: {error}") from None


class NamePatterns:
    """A list of names, and of regular expressions that match a whole name.

    Metric names are letters, digits, ``_`` and ``:``, so that a name and the expression that
    matches it are the same text.

    Args:
        texts: the list.
        field: where it was written, for the message.

    Raises:
        ValidationError: one of them is no regular expression.
    """

    def __init__(self, texts: Iterable[str], field: str) -> None:
        self._names = frozenset(texts)
        self._patterns = [
            compile_pattern(text, field) for text in texts if not _PLAIN.fullmatch(text)
        ]

    def match(self, name: Any) -> bool:
        """Whether the list has the name; what is not text is never in it."""
        if not isinstance(name, str):
            return False
        return name in self._names or any(one.fullmatch(name) for one in self._patterns)


class LabelPatterns:
    """Regular expressions by the name of the label whose whole value they match.

    A series that does not have a label is taken to have it with an empty value, as Prometheus
    does: ``.+`` is any value, and an empty expression says that there is none.

    Args:
        texts: label name to expression.
        field: where it was written, for the message.

    Raises:
        ValidationError: one of them is no regular expression.
    """

    def __init__(self, texts: Mapping[str, str], field: str) -> None:
        self._patterns = [
            (label, compile_pattern(text, f"{field}.{label}").fullmatch)
            for label, text in texts.items()
        ]

    def match_all(self, labels: Any) -> bool:
        """Whether every expression matches."""
        return all(match(_value(labels, label)) for label, match in self._patterns)

    def match_any(self, labels: Any) -> bool:
        """Whether one of the expressions matches."""
        return any(match(_value(labels, label)) for label, match in self._patterns)


def _value(labels: Any, label: str) -> str:
    """The value of a label; what is not text is left for the storage behind to refuse."""
    value = labels.get(label, "") if isinstance(labels, Mapping) else ""
    return value if isinstance(value, str) else ""
