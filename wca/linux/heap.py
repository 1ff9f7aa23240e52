"""Memory that the C library keeps for later, given back to the system."""

import functools
from collections.abc import Callable

__all__ = ["give_back_memory"]


def give_back_memory(library: str | None = None) -> None:
    """Let the C library give back what was freed (man 3 malloc_trim); some milliseconds at most.

    Only glibc has such a call; with another C library nothing happens.

    Args:
        library: the C library; None: that of this program.
    """
    trim = _malloc_trim(library)
    if trim is not None:
        trim(0)


@functools.cache
def _malloc_trim(library: str | None) -> Callable[[int], int] | None:
    import ctypes  # which most agents do not need

    try:
        trim = ctypes.CDLL(library).malloc_trim
    except (AttributeError, OSError):
        return None
    trim.argtypes, trim.restype = (ctypes.c_size_t,), ctypes.c_int
    return trim
