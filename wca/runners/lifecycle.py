"""Starting components in order and closing them in reverse, each with its optional abilities."""

import logging
from collections.abc import Callable

from wca.abilities import ability
from wca.clock import Clock
from wca.errors import PLUGIN_ERRORS, StartError

__all__ = ["Lifecycle"]

log = logging.getLogger(__name__)


class Lifecycle:
    """What has been started and must be closed, last first.

    Args:
        clock: for the time that is left for closing.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._flushers: list[tuple[str, Callable[[float], None]]] = []
        self._closers: list[tuple[str, Callable[[float], None]]] = []
        self._started: list[object] = []

    def start(self, component: object, name: str) -> None:
        """Start a component, once however often it is given, and remember to close it.

        Raises:
            StartError: it cannot start.
        """
        if any(known is component for known in self._started):
            return
        self._started.append(component)
        close, start = ability(component, "close"), ability(component, "start")
        if close is not None:
            self.on_close(name, close)
        if start is not None:
            try:
                start()
            except StartError:
                raise
            except PLUGIN_ERRORS as error:
                raise StartError(f"{name} cannot start: {error}") from error

    def before_close(self, name: str, flush: Callable[[float], None]) -> None:
        """Remember what has to hand on what it holds before anything is closed."""
        self._flushers.append((name, flush))

    def on_close(self, name: str, close: Callable[[float], None]) -> None:
        """Remember one more thing to close."""
        self._closers.append((name, close))

    @property
    def open(self) -> bool:
        """Whether something is left to close."""
        return bool(self._flushers or self._closers)

    def close(self, budget: float) -> None:
        """Flush, then close everything, each in reverse order.

        One that fails does not keep the others open.

        Args:
            budget: seconds for all of it.
        """
        end = self._clock.monotonic() + budget
        while self.open:
            name, close = (self._flushers or self._closers).pop()
            try:
                close(max(0.0, end - self._clock.monotonic()))
            except PLUGIN_ERRORS as error:
                log.error("%s did not close: %s", name, error)  # noqa: TRY400 - one sentence
                log.debug("%s did not close", name, exc_info=error)
