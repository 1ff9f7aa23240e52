"""How often Python looks for garbage while the agent measures."""

import gc

__all__ = ["raise_gc_threshold"]

# Objects that must have been added before Python looks for cycles. A sample of a thousand tasks is
# some two thousand of them, all gone with the next sample; with Python's 700 they would be searched
# several times in each iteration.
_YOUNG = 20_000


def raise_gc_threshold() -> None:
    """Let a sample come and go without a search for garbage.

    What has no cycles, and so everything of a sample, is freed at once as always.
    """
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
