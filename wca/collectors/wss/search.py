"""When the memory that a task has used has stopped growing: its working set."""

__all__ = ["WorkingSetSearch"]

# Memory in use that shrinks by less than this, as pages are freed, counts as unchanged.
_NOISE = 0.02


class WorkingSetSearch:
    """Decides from reading to reading when to take the marks of use away, and what the set is.

    After the marks have been taken away, the memory marked as used grows: fast at first, then only
    as the task gets to what it seldom uses. It has stopped growing when it grew by less than a part
    of the memory traffic in the same time, in several readings in a row. The first time is not
    believed: the task may still have been starting.

    Args:
        reset_cycles: take the marks away after every so many readings; 0: after the memory has
            stopped growing, if ``stable_cycles`` is positive, and else never.
        stable_cycles: readings in a row; 0: do not search. A negative number is as its amount, but
            with ``reset_cycles`` 0 the marks are left.
        threshold: the part of the memory traffic; None: do not search.
    """

    def __init__(
        self, reset_cycles: int, stable_cycles: int = 0, threshold: float | None = None
    ) -> None:
        self._reset_cycles = reset_cycles
        self._stable_cycles = stable_cycles
        self._threshold = threshold
        self._readings = 0
        self._stable = 0  # readings in a row
        self._found_before = False
        self._first = 0  # bytes at the first of them
        self._referenced: int | None = None
        self._traffic: float | None = None
        #: The last working set found, in bytes; None: none yet.
        self.working_set: float | None = None

    def observe(self, referenced: int, traffic: float | None) -> bool:
        """Take one reading.

        Args:
            referenced: bytes marked as used.
            traffic: bytes of memory traffic since the task began; None: not measured.

        Returns:
            Whether to take the marks away now.
        """
        self._readings += 1
        settled = self._has_settled(referenced, traffic)
        self._referenced, self._traffic = referenced, traffic
        if self._reset_cycles:
            reset = self._readings % self._reset_cycles == 0
        else:
            reset = settled and self._stable_cycles > 0
        if reset:
            self._stable, self._referenced = 0, None
        return reset

    def _has_settled(self, referenced: int, traffic: float | None) -> bool:
        """Whether this is the reading with which the growth has ended."""
        if not self._stable_cycles or self._threshold is None:
            return False
        if not self._is_stable(referenced, traffic, self._threshold):
            self._stable = 0
            return False
        if not self._stable:
            self._first = referenced
        self._stable += 1
        if self._stable != abs(self._stable_cycles):
            return False
        if self._found_before:
            self.working_set = (self._first + referenced) / 2
        self._found_before = True
        return True

    def _is_stable(self, referenced: int, traffic: float | None, threshold: float) -> bool:
        if self._referenced is None or self._traffic is None or traffic is None:
            return False
        growth = referenced - self._referenced
        if growth <= -_NOISE * self._referenced and growth < 0:
            return False
        return max(0, growth) < (traffic - self._traffic) * threshold
