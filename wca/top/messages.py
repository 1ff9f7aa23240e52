"""What is logged while a screen is shown: kept for its last line instead of printed over it."""

import logging
from collections import deque
from collections.abc import Callable
from types import TracebackType

__all__ = ["Messages"]

_MOST = 20


class Messages(logging.Handler):
    """Takes the place of the program's log handlers from when it is entered to its end.

    Args:
        tell: called on any thread when there is something to take.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell
        self._waiting: deque[str] = deque(maxlen=_MOST)
        self._before: list[logging.Handler] = []

    def __enter__(self) -> "Messages":
        root = logging.getLogger()
        self._before, root.handlers = root.handlers, [self]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        logging.getLogger().handlers = self._before

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message of one record."""
        self._waiting.append(record.getMessage())
        self._tell()

    def take(self) -> list[str]:
        """What has come since, the oldest first."""
        found: list[str] = []
        while self._waiting:
            found.append(self._waiting.popleft())
        return found
