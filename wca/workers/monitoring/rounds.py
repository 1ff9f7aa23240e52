"""Iterations of a fleet: each is over when every shard has been polled once. Pure."""

from collections.abc import Callable, Iterable

__all__ = ["Rounds"]


class Rounds:
    """Counts rounds in which every shard has had its turn.

    Args:
        on_complete: told how many are complete, whenever one is.
    """

    def __init__(self, on_complete: Callable[[int], None] = lambda _complete: None) -> None:
        self._on_complete = on_complete
        self._keys: set[str] = set()
        self._left: set[str] = set()
        #: Rounds that are complete.
        self.complete = 0

    def begin(self, keys: Iterable[str]) -> None:
        """The shards are known for the first time; without any, the round is over."""
        self._keys = set(keys)
        self._left = set(keys)
        self._end_if_over()

    def change(self, added: Iterable[str], removed: Iterable[str]) -> None:
        """Shards come, whose turn is in this round too, and go."""
        added = set(added)
        gone = set(removed)
        waited = bool(self._left)
        self._keys = (self._keys | added) - gone
        self._left = (self._left | added) - gone
        if waited:
            self._end_if_over()

    def done(self, key: str) -> None:
        """A shard has had its turn."""
        if key in self._left:
            self._left.discard(key)
            self._end_if_over()

    def _end_if_over(self) -> None:
        if not self._left:
            self.complete += 1
            self._left = set(self._keys)
            self._on_complete(self.complete)
