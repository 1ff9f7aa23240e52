"""What is begun comes to its end, also when the one who waits for it is cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["Finishing"]

_T = TypeVar("_T")


class Finishing:
    """Runs coroutines to their end on the event loop."""

    def __init__(self) -> None:
        # The loop itself keeps no task from being collected.
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Await it; a caller that is cancelled ends at once, and the work goes on without it."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)
