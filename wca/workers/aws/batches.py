"""Cutting what is asked into requests of the size that AWS takes."""

from collections.abc import Sequence
from typing import TypeVar

__all__ = ["MOST_IDS", "MOST_QUERIES", "batches_of", "halves_of"]

_T = TypeVar("_T")

#: Explicit ids in one DescribeInstanceStatus, and queries in one GetMetricData.
MOST_IDS, MOST_QUERIES = 100, 500


def batches_of(items: Sequence[_T], most: int) -> list[Sequence[_T]]:
    """Items in their order, as few batches as possible of at most ``most``."""
    return [items[start : start + most] for start in range(0, len(items), most)]


def halves_of(items: Sequence[_T]) -> tuple[Sequence[_T], Sequence[_T]]:
    """The first and the second half of two items or more; neither is empty."""
    middle = len(items) // 2
    return items[:middle], items[middle:]
