"""How a signal, or another thread, ends the event loop."""

import asyncio
import threading

__all__ = ["LoopStop"]


class LoopStop(threading.Event):
    """An event that an event loop can wait for, and that any thread may set."""

    def __init__(self) -> None:
        super().__init__()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._there = asyncio.Event()
        self._binding = threading.Lock()

    def set(self) -> None:
        """Set it, and wake the loop that waits."""
        with self._binding:
            super().set()
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._there.set)

    async def waited(self, seconds: float | None = None) -> bool:
        """Wait for it; whether it is set.

        Args:
            seconds: at most; None: as long as it takes.
        """
        with self._binding:
            self._loop = asyncio.get_running_loop()
            if self.is_set():
                self._there.set()
        try:
            return await asyncio.wait_for(self._there.wait(), seconds)
        except TimeoutError:
            return self.is_set()
