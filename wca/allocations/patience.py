"""Giving values back that take their time: each on a thread, none waited for too long.

A limit of memory is written by reclaiming what is above it, which may take seconds, or for ever
where the disk hangs. Whoever undoes has other files to see to, and the journal's lock in its hand.
"""

import errno
import threading
import time
from collections.abc import Callable

from wca.allocations.undo import UndoFiles
from wca.allocations.values import may_take_time

__all__ = ["Patience"]

#: Seconds that all slow writes of one undo are waited for.
DEADLINE = 0.5
#: Threads; what hangs in the kernel keeps one.
_MOST = 8
_STILL = "it is being written and takes its time"
_FULL = "others that take their time come first"


class Patience:
    """Remembers what is still being written, from one undo to the next.

    Args:
        deadline: seconds that one undo waits in all.
        monotonic: seconds on a clock that never goes back.
    """

    def __init__(
        self, deadline: float = DEADLINE, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._deadline = deadline
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._under_way: dict[str, _Attempt] = {}

    @property
    def busy(self) -> bool:
        """Whether something is still being written."""
        with self._changed:
            return bool(self._under_way)

    def of(self, files: UndoFiles) -> UndoFiles:
        """Files for one undo: a write that is not done in time raises OSError, and goes on."""
        return _PatientFiles(files, self, self._deadline)

    def do(self, path: str, action: Callable[[], None], patience: float) -> float:
        """Do something about a file on a thread.

        Args:
            path: of the file; one thing at a time is done about it.
            action: does it.
            patience: seconds that it is waited for.

        Returns:
            Seconds that it took.

        Raises:
            OSError: what the action has raised; EINPROGRESS: it is not done yet; EAGAIN: it was
                not begun.
        """
        begin, attempt = self._monotonic(), _Attempt()
        with self._changed:
            if path in self._under_way:
                raise OSError(errno.EINPROGRESS, _STILL)
            if len(self._under_way) >= _MOST:
                raise OSError(errno.EAGAIN, _FULL)
            self._under_way[path] = attempt
            threading.Thread(
                target=self._run, args=(path, attempt, action), name="slow undo", daemon=True
            ).start()
            if not self._changed.wait_for(lambda: attempt.done, patience):
                raise OSError(errno.EINPROGRESS, _STILL)
        if attempt.error is not None:
            raise attempt.error
        return self._monotonic() - begin

    def _run(self, path: str, attempt: "_Attempt", action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            attempt.error = error
        with self._changed:
            attempt.done = True
            del self._under_way[path]
            self._changed.notify_all()


class _Attempt:
    def __init__(self) -> None:
        self.done = False
        self.error: Exception | None = None


class _PatientFiles:
    """Waits for slow writes as long as there is time left, then begins them without waiting."""

    def __init__(self, files: UndoFiles, patience: Patience, seconds: float) -> None:
        self._files = files
        self._patience = patience
        self._left = seconds

    def read(self, path: str) -> str:
        """The text of a file. Raises OSError."""
        return self._files.read(path)

    def inode(self, path: str) -> int | None:
        """The inode number of a folder; None: it is not there."""
        return self._files.inode(path)

    def write(self, path: str, text: str) -> None:
        """Write to a file in one call. Raises OSError."""
        if not may_take_time(path):
            self._files.write(path, text)
            return
        try:
            took = self._patience.do(path, lambda: self._files.write(path, text), self._left)
        except OSError as error:
            if error.errno == errno.EINPROGRESS:
                self._left = 0.0
            raise
        self._left = max(0.0, self._left - took)
