"""What to call components in metrics and messages."""

from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

__all__ = ["named"]

_T = TypeVar("_T")


def named(components: Iterable[_T], before: Mapping[str, _T] | None = None) -> dict[str, _T]:
    """Components by the name of their class; a second one of a class is ``Name#2``.

    Args:
        components: in the order of the result.
        before: names that some of them have already, and keep.
    """
    given = list(components)
    known = {id(one): name for name, one in (before or {}).items()}
    taken = {known[id(one)] for one in given if id(one) in known}
    names: dict[str, _T] = {}
    for component in given:
        name = known.get(id(component))
        if name is None or name in names:
            name = _free(type(component).__name__, taken)
        taken.add(name)
        names[name] = component
    return names


def _free(base: str, taken: Collection[str]) -> str:
    """The name, or the first one with a number that nobody has."""
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}#{number}"
    return name
