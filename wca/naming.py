"""What to call components in metrics and messages."""

from collections.abc import Iterable
from typing import TypeVar

__all__ = ["named"]

_T = TypeVar("_T")


def named(components: Iterable[_T]) -> dict[str, _T]:
    """Components by the name of their class; a second one of a class is ``Name#2``."""
    names: dict[str, _T] = {}
    for component in components:
        name = base = type(component).__name__
        number = 1
        while name in names:
            number += 1
            name = f"{base}#{number}"
        names[name] = component
    return names
