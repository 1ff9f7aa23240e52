"""Whether another agent acts on this machine, whatever journal it has."""

import contextlib
import fcntl
import logging
import os
from collections.abc import Sequence

__all__ = ["Claim"]

log = logging.getLogger(__name__)


class Claim:
    """Says at the start when another agent acts: the values from before both may not come back.

    Each journal knows as the original value what it has found, which may be the other agent's. What
    is locked, see flock(2), are the root folders of the control groups: they are there once on a
    machine, also for containers, and nothing has to be made.

    Args:
        roots: folders.
    """

    def __init__(self, roots: Sequence[str]) -> None:
        self._roots = roots
        self._descriptors: list[int] = []

    def start(self) -> None:
        """Claim the machine as long as this process lives, or warn."""
        for root in self._roots:
            with contextlib.suppress(OSError):  # one that cannot be opened cannot be claimed
                self._descriptors.append(os.open(root, os.O_RDONLY | os.O_CLOEXEC))
        taken = [_locked(descriptor) for descriptor in self._descriptors]
        if not all(taken):
            log.warning(
                "another agent acts on this machine: what both change may not come back at the "
                "end, let only one have act: true"
            )

    def close(self, timeout: float) -> None:  # noqa: ARG002 - as all closers
        """Give the claim up; safe twice."""
        while self._descriptors:
            os.close(self._descriptors.pop())


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
