"""Tasks that have lost their last process, noticed before their cgroup is removed."""

import threading
from collections.abc import Callable, Mapping
from functools import partial
from queue import SimpleQueue

from wca.linux.cgroup_events import GroupEvents
from wca.linux.cgroups import Cgroup

__all__ = ["Departures"]

#: A group that is watched: key of the task, and path.
_Group = tuple[str, str]


class Departures:
    """Watches the cgroups of all tasks from a thread of its own.

    Between the end of its last process and the removal of its cgroup a task can still be read. On
    cgroup v2 the kernel tells this moment. Where a task has no group of v2, one of its processes
    after the other is followed to its end, which can be missed where they come and go fast.
    """

    def __init__(self) -> None:
        self._events: GroupEvents[_Group] = GroupEvents()
        self._watched: dict[str, set[_Group]] = {}
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

    def watch(self, key: str, groups: Mapping[str, Cgroup]) -> None:
        """Watch these groups of a task, and no others of it any more.

        To be called again and again: a group is watched from then on that has got its first
        process, or a descriptor, only now.

        Args:
            key: of the task; ``take`` gives it when one of the groups has become empty.
            groups: by path.
        """
        wanted = {(key, path) for path in groups}
        for group in self._watched.get(key, set()) - wanted:
            self._events.remove(group)
        self._watched[key] = wanted
        for path, cgroup in groups.items():
            if not self._events.watches((key, path)):
                self._begin((key, path), cgroup)

    def forget(self, key: str) -> None:
        """Watch this task no more; safe for one that is not watched."""
        for group in self._watched.pop(key, ()):
            self._events.remove(group)

    def take(self) -> set[str]:
        """Keys of tasks of which groups have become empty since the last call."""
        return {self._empty.get() for _ in range(self._empty.qsize())}

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

    def _begin(self, group: _Group, cgroup: Cgroup) -> None:
        directory = cgroup.directory("psi")
        if directory is None or not self._events.add(group, directory):
            self._events.follow(group, partial(cgroup.procs, recursive=True))

    def _run(self, notify: Callable[[], None]) -> None:
        while not self._stopped:
            empty = self._events.wait()
            for key, _ in empty:
                self._empty.put(key)
            if empty:
                notify()
