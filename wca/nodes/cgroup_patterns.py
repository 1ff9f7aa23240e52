"""Patterns of cgroup paths, matched name by name on the way down a tree. Pure functions."""

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from functools import lru_cache

from wca.errors import ValidationError

__all__ = ["PathPatterns", "Place"]

#: Where one is in the patterns: for each that still fits, its number and how many of its parts
#: have been used up.
Place = frozenset[tuple[int, int]]

_ANY_NUMBER = "**"
_SPECIAL = re.compile(r"[*?\[]")


class PathPatterns:
    """Several patterns such as ``/system.slice/*.service`` or ``/machine.slice/**``.

    Within one name ``*`` is any text, ``?`` any character, ``[abc]`` one of these and ``[!abc]``
    none of them. ``**`` in the place of a name is any number of names, at the end at least one.

    Args:
        patterns: with or without a leading ``/``.

    Raises:
        ValidationError: one is empty, or a part of it is ``..`` or ``.``.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._parts = [_parts(pattern) for pattern in patterns]
        #: The root of the tree.
        self.root: Place = self._closed((number, 0) for number in range(len(self._parts)))

    def below(self, place: Place, name: str) -> Place:
        """Where one is after one more name; empty when no pattern can fit any more."""
        reached = set()
        for number, used in place:
            parts = self._parts[number]
            if used == len(parts):
                continue
            if parts[used] == _ANY_NUMBER:
                reached |= {(number, used), (number, used + 1)}
            elif _fits(parts[used], name):
                reached.add((number, used + 1))
        return self._closed(reached)

    def match(self, place: Place) -> bool:
        """Whether the path that led here fits a pattern as a whole."""
        return any(used == len(self._parts[number]) for number, used in place)

    def names(self, place: Place) -> list[str] | None:
        """The only names that can follow, where nothing special is in them; None: any may."""
        following = [self._parts[number][used : used + 1] for number, used in place]
        names = {part for parts in following for part in parts}
        return None if any(map(_SPECIAL.search, names)) else sorted(names)

    def _closed(self, reached: Iterable[tuple[int, int]]) -> Place:
        """With the places after a ``**`` that stands for no name; at the end it needs one."""
        closed = set(reached)
        waiting = list(closed)
        while waiting:
            number, used = waiting.pop()
            parts = self._parts[number]
            after = (number, used + 1)
            if used + 1 < len(parts) and parts[used] == _ANY_NUMBER and after not in closed:
                closed.add(after)
                waiting.append(after)
        return frozenset(closed)


def _parts(pattern: str) -> Sequence[str]:
    parts = [part for part in pattern.split("/") if part]
    if not pattern.strip() or ".." in parts or "." in parts or "\0" in pattern:
        raise ValidationError(
            f"expected the pattern of a cgroup path such as /system.slice/*, got {pattern!r}"
        )
    return parts


def _fits(part: str, name: str) -> bool:
    return part == name if not _SPECIAL.search(part) else bool(_expression(part).match(name))


@lru_cache(maxsize=1024)
def _expression(part: str) -> re.Pattern[str]:
    return re.compile(translate(part))
