"""What is left for Python's search for cycles; all else is freed when its last user lets it go."""

import contextlib
import gc

__all__ = ["left_behind"]


def left_behind(call, *raises):
    """How many objects a call leaves in cycles.

    Args:
        call: what to call; the second time counts, after caches have been filled.
        raises: errors that it may end with.
    """
    for _ in range(2):
        gc.collect()
        gc.disable()
        try:
            with contextlib.suppress(*raises):
                call()
        finally:
            gc.enable()
    return gc.collect()
