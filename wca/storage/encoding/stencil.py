"""A text whose values are filled in: what stays from batch to batch, with gaps."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

__all__ = ["Stencil"]

_T = TypeVar("_T")
#: A part and what it is made into fit into the processor's cache.
_LINES_PER_PART = 128


class Stencil:
    """The lines of a layout with a gap for each value and for what ends its line.

    Filling one is quicker than joining heads, values and ends by a quarter: the text that stays is
    in one piece in memory, and in UTF-8 already.

    Args:
        heads: what stands before each value.
    """

    def __init__(self, heads: Sequence[str]) -> None:
        self._heads = heads
        self._gap = ""
        self._parts: list[bytes] = []

    def fill(self, values: Sequence[Any], ending: str) -> Iterator[bytes]:
        """The text in UTF-8, some lines at a time.

        Args:
            values: one for each line, such that ``repr`` writes them as they are read.
            ending: what follows each of them.
        """
        bare = ending == "\n"
        self._cut("%a\n" if bare else "%a%b")  # %a: as repr writes it, in ASCII
        end = ending.encode()
        for part, some in zip(self._parts, _parts(values), strict=True):
            if bare:
                yield part % tuple(some)
                continue
            gaps: list[Any] = [end] * (2 * len(some))
            gaps[::2] = some
            yield part % tuple(gaps)

    def _cut(self, gap: str) -> None:
        """Make the parts for the first whole text, which not every use of a layout wants."""
        if gap != self._gap:
            self._gap = gap
            self._parts = [
                "".join([f"{head.replace('%', '%%')}{gap}" for head in heads]).encode()
                for heads in _parts(self._heads)
            ]


def _parts(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for first in range(0, len(items), _LINES_PER_PART):
        yield items[first : first + _LINES_PER_PART]
