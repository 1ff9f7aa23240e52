"""Writes that may reclaim memory or freeze, on a thread of their own, with a deadline."""

import threading
from collections.abc import Callable

__all__ = ["SlowWrites"]

#: Seconds that are waited for one.
DEADLINE = 2.0


class SlowWrites:
    """Does one thing at a time on a thread, and does not wait for it longer than it may take.

    Args:
        deadline: seconds.
    """

    def __init__(self, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self._changed = threading.Condition()
        self._action: Callable[[], None] | None = None
        self._error: BaseException | None = None
        self._closing = False
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether something that was too slow is still being done."""
        with self._changed:
            return self._action is not None

    def do(self, action: Callable[[], None]) -> bool:
        """Do something; whether it was done in time. It goes on when it was not.

        Raises:
            OSError: what the action has raised.
        """
        with self._changed:
            if self._action is not None:
                return False
            self._action, self._error = action, None
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="slow writes", daemon=True)
                self._thread.start()
            done = self._changed.wait_for(lambda: self._action is None, self._deadline)
            error, self._error = self._error, None
        if error is not None:
            raise error
        return done

    def close(self, timeout: float) -> None:
        """End the thread; one that hangs in the kernel is left behind."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._action is not None or self._closing)
                action = self._action
            if action is None:
                return
            error: BaseException | None = None
            try:
                action()
            except Exception as caught:  # noqa: BLE001 - it is raised where it is waited for
                error = caught
            with self._changed:
                self._action, self._error = None, error
                self._changed.notify_all()
