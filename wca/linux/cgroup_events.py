"""Waiting for the moment in which a control group of v2 loses its last process.

Source: ``cgroup.events`` of cgroup v2, which wakes pollers with POLLPRI when it changes
(Documentation/admin-guide/cgroup-v2.rst, "[Un]populated Notification").
"""

import os
import select
import threading

from wca.linux.descriptors import DescriptorCount

__all__ = ["PopulatedEvents"]

_MOST_AT_ONCE = 64


class PopulatedEvents:
    """The ``cgroup.events`` files of some groups, waited for together.

    One thread waits; any may add and remove.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._lock = threading.Lock()
        self._count = DescriptorCount()
        self._files: dict[int, str] = {}
        self._descriptors: dict[str, int] = {}
        self._waker, self._wakened = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._epoll.register(self._waker, select.EPOLLIN)

    def add(self, key: str, directory: str) -> bool:
        """Wait for this group too.

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
            self._files[file], self._descriptors[key] = key, file
            # Told once for each change: a group that was removed answers for ever.
            self._epoll.register(file, select.EPOLLPRI | select.EPOLLET)
        return True

    def remove(self, key: str) -> None:
        """Wait for this group no more; safe for one that was never added."""
        with self._lock:
            file = self._descriptors.pop(key, None)
            if file is not None:
                del self._files[file]
                self._epoll.unregister(file)
                os.close(file)

    def wait(self) -> list[str]:
        """Wait until groups have lost their last process, or ``wake`` is called.

        Returns:
            Their keys.
        """
        changed = self._epoll.poll(maxevents=_MOST_AT_ONCE)
        with self._lock:
            known = [file for file, _ in changed if file in self._files]
            return [self._files[file] for file in known if not _populated(file)]

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


def _populated(file: int) -> bool:
    """Whether the group has processes, in itself or below; a removed one has none."""
    try:
        return b"populated 1" in os.pread(file, 256, 0)
    except OSError:
        return False
