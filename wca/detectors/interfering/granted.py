"""Whether an allocation is in force on a task, so that its numbers are not what is usual."""

from collections.abc import Mapping
from typing import Any

__all__ = ["Granted"]

#: Seconds after which what a task is granted is what it has, whoever has changed it.
_LASTING = 3600.0


class Granted:
    """What one task was granted when it was first seen, and is now.

    An AllocationRunner tells the limits of every task, whoever has set them: only a change of them
    is an action.
    """

    def __init__(self) -> None:
        self._usual: Mapping[Any, Any] | None = None
        self._last: Mapping[Any, Any] = {}
        self._since = 0.0

    def untouched(self, allocations: Mapping[Any, Any], now: float) -> bool:
        """Take what is in force; whether that is as it was, or has been as it is for an hour.

        Args:
            allocations: by type.
            now: monotonic time in seconds.
        """
        if self._usual is None:
            self._usual = self._last = allocations
        if allocations != self._last:
            self._last, self._since = allocations, now
        if allocations != self._usual and now - self._since >= _LASTING:
            self._usual = allocations
        return allocations == self._usual
