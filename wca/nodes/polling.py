"""Nodes that ask something which may not answer: on a thread of their own, with patience."""

import contextlib
import random
import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence

from wca.clock import Clock, SystemClock
from wca.errors import PLUGIN_ERRORS, TaskSynchronizationException
from wca.nodes.api import Node, Task
from wca.nodes.kept_list import KeptList

__all__ = ["PollingNode"]

#: Seconds from one question to the next, whoever asks for it.
_LEAST_PAUSE = 0.5
#: Seconds before a source that has failed is asked again: the first time, and at most.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


class PollingNode(Node):
    """Asks a source for the tasks and keeps the last good list while the source is away.

    ``start`` asks once and waits for the answer. From then on ``get_tasks`` returns the last list
    at once and has the source asked on a thread; when that gives another list, discovery is woken.
    After a failure it is asked again after 1 s, then 2, 4 and so on up to 60, less up to a half by
    chance. Without ``start`` each ``get_tasks`` asks and waits.

    Args:
        keep: seconds for which the last list is given while the source is away.
        clock: time.
    """

    def __init__(self, keep: float, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._list = KeptList(type(self).__name__, keep, self._clock)
        self._thread: threading.Thread | None = None
        self._wanted = threading.Event()
        self._stop = threading.Event()
        self._failures = 0

    @abstractmethod
    def poll(self) -> Sequence[Task]:
        """Ask the source for the tasks that run now; ends in time. One thread at a time.

        Raises:
            TaskSynchronizationException: it gave no list, and why, in a sentence.
        """

    def follow(self) -> bool:
        """Hear of changes until it is time for the next ``poll``.

        For sources that tell by themselves what changes, with ``heard``. Called after each
        ``poll``, also after one that failed; ended for ``close`` by ``interrupt``.

        Returns:
            Whether to ask after a short pause; False: when the list is wanted again.

        Raises:
            TaskSynchronizationException: the source is away, and why, in a sentence.
        """
        return False

    def heard(self, tasks: Sequence[Task] | None) -> None:
        """The source has told what runs now; None: the same as before. For ``follow``."""
        self._failures = 0
        if tasks is None:
            self._list.confirm()
        else:
            self._list.put(tasks)

    def interrupt(self) -> None:
        """End a ``poll`` or ``follow`` that waits, from another thread; let go of what they use."""

    def start(self) -> None:
        """Ask for the first time, and have a thread for the next times."""
        self._stop.clear()
        self._ask()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)
        self._thread.start()

    def get_tasks(self) -> Sequence[Task]:
        """The last list.

        Raises:
            TaskSynchronizationException: there is none, or it is too old.
        """
        if self._thread is None:
            self._ask()
        else:
            self._wanted.set()
        return self._list.get()

    def on_change(self, changed: Callable[[], None]) -> None:
        """Call this when the list has become another one."""
        self._list.on_change(changed)

    def list_ages(self) -> Mapping[str, float]:
        """The age of the list under the name of the class; empty before the first."""
        age = self._list.age
        return {} if age is None else {type(self).__name__: age}

    def close(self, timeout: float = 5.0) -> None:
        """End the thread; safe twice and without ``start``.

        Args:
            timeout: seconds to wait for a ``poll`` that is under way.
        """
        self._stop.set()
        self._wanted.set()
        self.interrupt()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(max(0.0, timeout))

    def _ask(self) -> None:
        with self._failing():
            self.heard(self.poll())

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """What goes wrong is a failure of the source."""
        try:
            yield
        except TaskSynchronizationException as error:
            self._fail(str(error))
        except PLUGIN_ERRORS as error:
            self._fail(f"{type(error).__name__}: {error}")

    def _fail(self, reason: str) -> None:
        self._failures += 1
        if not self._stop.is_set():  # what close() has interrupted is no failure
            self._list.fail(reason)

    def _run(self) -> None:
        while not self._stop.is_set():
            told = True  # a source that fails while it tells is asked again after the pause
            with self._failing():
                told = self.follow()
            if self._stop.wait(self._pause()):
                return
            if not told:
                self._wanted.wait()  # close() sets it as well
            self._wanted.clear()
            if not self._stop.is_set():
                self._ask()

    def _pause(self) -> float:
        if not self._failures:
            return _LEAST_PAUSE
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._failures - 1, 10))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - to spread agents, not a secret
