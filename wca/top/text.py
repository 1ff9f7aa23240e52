"""Text that fits into columns of a terminal. Pure functions."""

import unicodedata

__all__ = ["fit", "shown", "width_of"]

#: Shows that something was cut off; every terminal has it.
_CUT = "~"


def shown(text: str) -> str:
    """The text without what a terminal would take for a command: ``?`` instead."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def width_of(text: str) -> int:
    """Columns that a text takes."""
    return len(text) if text.isascii() else sum(map(_width, text))


def fit(text: str, width: int, *, keep_end: bool = False) -> str:
    """Exactly this many columns of a text, filled with blanks or cut.

    Args:
        text: to be shown.
        width: in columns, 0 or more.
        keep_end: the beginning is cut off instead of the end.
    """
    text = shown(text)
    missing = width - width_of(text)
    if missing < 0 and width:
        kept = _cut(text[::-1] if keep_end else text, width - 1)
        text = f"{_CUT}{kept[::-1]}" if keep_end else f"{kept}{_CUT}"
        missing = width - width_of(text)
    return text + " " * missing if width else ""


def _cut(text: str, width: int) -> str:
    """As much of the beginning as fits."""
    taken = 0
    for place, letter in enumerate(text):
        taken += _width(letter)
        if taken > width:
            return text[:place]
    return text


def _width(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
