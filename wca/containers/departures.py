"""Tasks that have lost their last process, noticed before their cgroup is removed."""

import threading
from collections.abc import Callable
from queue import SimpleQueue

from wca.linux.cgroup_events import PopulatedEvents
from wca.linux.cgroups import Cgroup

__all__ = ["Departures"]


class Departures:
    """Watches the cgroups of v2 of all tasks from a thread of its own.

    Between the end of its last process and the removal of its cgroup a task can still be read. On
    cgroup v1 nothing tells this moment without changing the machine: there a task's last sample is
    that of the last iteration.
    """

    def __init__(self) -> None:
        self._events = PopulatedEvents()
        self._empty: SimpleQueue[str] = SimpleQueue()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def start(self, notify: Callable[[], None]) -> None:
        """Begin to watch.

        Args:
            notify: called on the thread when ``take`` has something to give.
        """
        self._thread = threading.Thread(
            target=self._run, args=(notify,), name="departures", daemon=True
        )
        self._thread.start()

    def watch(self, key: str, cgroup: Cgroup) -> None:
        """Watch this group too, where it is one of v2 that has processes."""
        directory = cgroup.directory("psi")
        if directory is not None:
            self._events.remove(key)
            self._events.add(key, directory)

    def forget(self, key: str) -> None:
        """Watch this group no more; safe for one that is not watched."""
        self._events.remove(key)

    def take(self) -> list[str]:
        """Keys of groups that have become empty since the last call."""
        return [self._empty.get() for _ in range(self._empty.qsize())]

    def close(self, timeout: float) -> None:
        """End the thread.

        Args:
            timeout: seconds.
        """
        if self._stopped:
            return
        self._stopped = True
        self._events.wake()
        if self._thread is not None:
            self._thread.join(timeout)
        self._events.close()

    def _run(self, notify: Callable[[], None]) -> None:
        while not self._stopped:
            empty = self._events.wait()
            for key in empty:
                self._empty.put(key)
            if empty:
                notify()
