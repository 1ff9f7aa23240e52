"""How many descriptors this process has open."""

import os
import resource
from collections.abc import Callable

__all__ = ["DescriptorCount", "count_descriptors", "descriptor_limit"]

_FOLDER = "/proc/self/fd"
# Descriptors left to the rest of the program: sockets, storages, pipes.
_RESERVED = 128
# Questions that one count by listing answers: it takes longer the more is open.
_ANSWERS = 32


def descriptor_limit() -> int:
    """How many this process may have open now: its soft limit of open files."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def count_descriptors() -> int:
    """Count them; numbers that are free between others are no use for that.

    Source: since Linux 6.2 the size of ``/proc/self/fd``, else the names in it.

    Raises:
        OSError: the folder cannot be listed, as where there is no descriptor left to do it with.
    """
    return _told_by_size() or _listed()


def _told_by_size() -> int:
    return os.stat(_FOLDER).st_size  # 0 before Linux 6.2


def _listed() -> int:
    return len(os.listdir(_FOLDER)) - 1  # without the one that the listing takes


class DescriptorCount:
    """Knows how many are open, for somebody who asks after each one that he has opened.

    Where only a listing tells, it is made now and then; in between every question counts for one
    descriptor more.

    Descriptors are numbered from the lowest that is free, so that the number of a new one does not
    tell how many are in use.

    Args:
        told: gives the number in no time; 0: the kernel does not tell.
        listed: gives it by listing; may raise OSError.
    """

    __slots__ = ("_answers", "_counted", "_listed", "_told")

    def __init__(
        self, told: Callable[[], int] = _told_by_size, listed: Callable[[], int] = _listed
    ) -> None:
        self._told = told
        self._listed = listed
        self._counted = 0
        self._answers = _ANSWERS

    def in_use(self) -> int:
        """How many are open, or a few more than that; the limit where it cannot be told."""
        try:
            told = self._told()
            if told:
                return told
            if self._answers >= _ANSWERS:
                self._counted, self._answers = self._listed(), 0
        except OSError:
            return descriptor_limit()
        self._answers += 1
        return self._counted + self._answers

    def leaves_enough(self) -> bool:
        """Whether the one that was just opened may stay, beside what the program needs."""
        limit = descriptor_limit()
        return self.in_use() <= max(limit - _RESERVED, limit // 2)
