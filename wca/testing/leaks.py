"""What a component that was closed must not have left behind."""

import gc
import os
import threading
import time

__all__ = ["given_back", "open_things"]


def open_things() -> tuple[list[str], int]:
    """The descriptors of this process, and how many threads it has; compare before and after."""
    gc.collect()
    return sorted(os.listdir("/proc/self/fd")), threading.active_count()


def given_back(before: tuple[list[str], int], patience: float = 5.0) -> bool:
    """Whether no more is open than before, at the latest after some time.

    Args:
        before: what ``open_things`` said.
        patience: seconds in which threads of a library may end that it does not wait for.
    """
    end = time.monotonic() + patience
    while not _no_more(open_things(), before):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _no_more(now: tuple[list[str], int], before: tuple[list[str], int]) -> bool:
    # What was ending when it was looked at before may have ended meanwhile.
    return set(now[0]) <= set(before[0]) and now[1] <= before[1]
