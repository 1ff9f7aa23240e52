"""Keeping values that must not be shown out of messages."""

from collections.abc import Iterable
from typing import Any

from wca.config.words import EnvText

__all__ = ["MASK", "hidden_texts", "scrub"]

MASK = "***"
_SHORTEST = 4


def hidden_texts(values: Iterable[Any], *, every: bool = False) -> set[str]:
    """The texts among and inside the values that must not be shown.

    Args:
        values: shared parts are looked at once.
        every: whether all texts and numbers are meant, or only those from the environment.
    """
    found: set[str] = set()
    seen: set[int] = set()
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if isinstance(value, (list, tuple, set, frozenset, dict)):
            if id(value) not in seen:
                seen.add(id(value))
                waiting += value.values() if isinstance(value, dict) else value
        elif isinstance(value, EnvText) or (every and isinstance(value, (str, int, float))):
            found.add(str(value))
    return found - {""}


def scrub(message: str, hidden: Iterable[str]) -> str:
    """The message without the hidden texts.

    A short text could be recognised by the gaps it leaves, so that one hides the whole message.
    """
    for text in sorted(hidden, key=len, reverse=True):
        if text in message:
            if len(text) < _SHORTEST:
                return "the value is refused (neither it nor the reason is shown)"
            message = message.replace(text, MASK)
    return message
