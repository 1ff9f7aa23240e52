"""What is done again and again beside the polls."""

import asyncio
from collections.abc import Awaitable, Callable

from wca.errors import PLUGIN_ERRORS
from wca.telemetry import Telemetry

__all__ = ["Chores"]


class Chores:
    """Tasks of the event loop that repeat; one that fails is reported and goes on.

    Args:
        telemetry: where failures are reported.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._tasks: list[asyncio.Task[None]] = []

    def every(
        self,
        seconds: float,
        name: str,
        action: Callable[[], Awaitable[None]],
        *,
        at_once: bool = False,
    ) -> None:
        """Do it again and again.

        Args:
            seconds: from the end of one time to the begin of the next.
            name: what failures are reported under.
            action: what to do.
            at_once: whether the first time is now, and not after so many seconds.
        """
        first = 0.0 if at_once else seconds
        repeat = self._repeat(first, seconds, name, action)
        self._tasks.append(asyncio.create_task(repeat, name=name))

    async def end(self) -> None:
        """Stop doing it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _repeat(
        self, first: float, seconds: float, name: str, action: Callable[[], Awaitable[None]]
    ) -> None:
        failed = False
        pause = first
        while True:
            await asyncio.sleep(pause)
            pause = seconds
            try:
                await action()
            except PLUGIN_ERRORS as error:
                failed = True
                self._telemetry.failure(name, error)
            else:
                if failed:
                    failed = False
                    self._telemetry.success(name)
