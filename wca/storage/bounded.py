"""Work that may never come back, within a time."""

import logging
import threading
from collections.abc import Callable

__all__ = ["within"]

log = logging.getLogger(__name__)


def within(seconds: float, work: Callable[[], object], name: str) -> bool:
    """Do something on a thread of its own, and wait for it no longer than it may take.

    Args:
        seconds: to wait.
        work: what to do; what it raises goes to the log at level debug.
        name: of the thread.

    Returns:
        Whether it has ended; otherwise it goes on, and does not keep the process alive.

    Raises:
        RuntimeError: this machine has no room for a thread; nothing was done.
    """

    def run() -> None:
        try:
            work()
        except BaseException as error:  # nobody is there whom it could reach
            log.debug("%s failed", name, exc_info=error)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    thread.join(max(0.0, seconds))
    return not thread.is_alive()
