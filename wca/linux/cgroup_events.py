"""Waiting for the moment in which a control group loses its last process.

Source: ``cgroup.events`` of cgroup v2, which wakes pollers with POLLPRI when it changes
(Documentation/admin-guide/cgroup-v2.rst, "[Un]populated Notification"); for groups of v1 the end of
their processes, one after the other, by pidfd_open(2), Linux 5.3.
"""

import os
import select
import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from wca.errors import WcaError
from wca.linux.descriptors import DescriptorCount

__all__ = ["GroupEvents", "Processes"]

_MOST_AT_ONCE = 64
# Processes of one group followed in a row before it is left alone until it is asked for again:
# where processes come and go fast this must not become work without end.
_MOST_FOLLOWED = 16
# Processes of which each has ended before it could be followed.
_TRIES = 4

#: Gives the ids of the processes that are in a group now.
Processes = Callable[[], Sequence[int]]

_Key = TypeVar("_Key", bound=Hashable)


@dataclass(slots=True)
class _Watched(Generic[_Key]):
    """What stands behind a descriptor.

    Args:
        key: of the group.
        processes: of a group whose processes are followed; None: of one that tells by itself.
        left: processes to follow at most.
    """

    key: _Key
    processes: Processes | None = None
    left: int = 0


class GroupEvents(Generic[_Key]):
    """Some control groups, waited for together until one has no process any more.

    One thread waits; any may add and remove.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._lock = threading.Lock()
        self._count = DescriptorCount()
        self._files: dict[int, _Watched[_Key]] = {}
        self._descriptors: dict[_Key, int] = {}
        self._waker, self._wakened = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._epoll.register(self._waker, select.EPOLLIN)

    def add(self, key: _Key, directory: str) -> bool:
        """Wait for this group too, in the way of cgroup v2.

        Args:
            key: what to call it.
            directory: its folder.

        Returns:
            Whether it can be waited for: it is a group of v2, and descriptors are left.
        """
        try:
            file = os.open(f"{directory}/cgroup.events", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        if not self._count.leaves_enough():
            os.close(file)
            return False
        _populated(file)  # reading arms the notification
        with self._lock:
            # Told once for each change: a group that was removed answers for ever.
            self._put(_Watched(key), file, select.EPOLLPRI | select.EPOLLET)
        return True

    def follow(self, key: _Key, processes: Processes) -> bool:
        """Wait for this group too, by following its processes.

        Args:
            key: what to call it.
            processes: called here, and on the thread that waits.

        Returns:
            Whether it can be waited for: it has a process, and descriptors are left.
        """
        with self._lock:
            return self._follow(_Watched(key, processes, _MOST_FOLLOWED)) is not None

    def watches(self, key: _Key) -> bool:
        """Whether this group is waited for."""
        return key in self._descriptors

    def remove(self, key: _Key) -> None:
        """Wait for this group no more; safe for one that was never added."""
        with self._lock:
            self._drop(key)

    def wait(self) -> list[_Key]:
        """Wait until groups have lost their last process, or ``wake`` is called.

        Returns:
            Their keys.
        """
        changed = self._epoll.poll(maxevents=_MOST_AT_ONCE)
        with self._lock:
            known = [(file, self._files[file]) for file, _ in changed if file in self._files]
            return [one.key for file, one in known if self._is_empty(file, one)]

    def wake(self) -> None:
        """Let ``wait`` return, now and from now on."""
        os.write(self._wakened, b"!")

    def close(self) -> None:
        """Give back all descriptors. Nobody may wait any more."""
        for key in list(self._descriptors):
            self.remove(key)
        self._epoll.close()
        os.close(self._waker)
        os.close(self._wakened)

    def _is_empty(self, file: int, watched: _Watched[_Key]) -> bool:
        """Whether a group is empty in which something has changed; else wait on."""
        if watched.processes is None:
            return not _populated(file)
        self._drop(watched.key)
        watched.left -= 1
        return watched.left > 0 and self._follow(watched) == 0

    def _follow(self, watched: _Watched[_Key]) -> int | None:
        """Wait for the end of a process of the group.

        Returns:
            The process; 0: the group has none; None: it cannot be waited for.
        """
        for _ in range(_TRIES):
            # The lowest number is likely to be that of the process which began the others.
            first = _first(watched.processes)
            if not first:
                return first
            file = self._process_file(first)
            if file is None:
                continue
            if _first(watched.processes) == first:  # not another one that has got its number
                self._put(watched, file, select.EPOLLIN)
                return first
            os.close(file)
        return None

    def _process_file(self, process: int) -> int | None:
        """A descriptor that becomes readable when the process ends; None: there can be none."""
        try:
            file = os.pidfd_open(process)
        except OSError:
            return None
        if self._count.leaves_enough():
            return file
        os.close(file)
        return None

    def _put(self, watched: _Watched[_Key], file: int, events: int) -> None:
        self._files[file], self._descriptors[watched.key] = watched, file
        self._epoll.register(file, events)

    def _drop(self, key: _Key) -> None:
        file = self._descriptors.pop(key, None)
        if file is not None:
            del self._files[file]
            self._epoll.unregister(file)
            os.close(file)


def _first(processes: Processes | None) -> int | None:
    """The lowest id of a process in a group; 0: there is none; None: that cannot be told."""
    try:
        return min(processes(), default=0) if processes else None
    except WcaError:
        return None


def _populated(file: int) -> bool:
    """Whether the group has processes, in itself or below; a removed one has none."""
    try:
        return b"populated 1" in os.pread(file, 256, 0)
    except OSError:
        return False
