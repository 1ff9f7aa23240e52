"""From what shared counters saw to what happened: pure arithmetic on the readings of one group."""

from operator import add, sub

from wca.linux.perf.counting import GroupReading

__all__ = ["ScaledGroup"]


class ScaledGroup:
    """The totals of one group of events, scaled part by part.

    Where more groups are wanted than the processor has counters for, the kernel lets each count for
    part of the time. What was counted between two readings is scaled by the time between these two
    alone: a factor for all time since the beginning would let totals go backwards. A part in which
    nothing was counted is not taken for zero: it waits for the next part in which something was.

    Args:
        events: how many the group has.
    """

    __slots__ = ("_last", "gained", "pending", "started", "totals")

    def __init__(self, events: int) -> None:
        self._last = GroupReading(0, 0, (0,) * events)
        #: What happened since the beginning, for each event; never goes backwards.
        self.totals = [0] * events
        #: What the last part added to them.
        self.gained = [0] * events
        #: Whether there is time that waits to be counted.
        self.pending = False
        #: Whether anything was counted since the beginning.
        self.started = False

    def take(self, reading: GroupReading) -> float | None:
        """Go on to a new reading.

        Args:
            reading: of the same group, later than the one before.

        Returns:
            The factor by which this part was scaled, 1 for an exact one; None: nothing of it was
            counted.
        """
        last = self._last
        enabled = reading.enabled - last.enabled
        running = reading.running - last.running
        if running <= 0:
            self.pending = enabled > 0
            self.gained = [0] * len(self.totals)
            return None
        gained = list(map(sub, reading.values, last.values))
        if enabled > running:
            # Whole numbers: those of a week do not fit into a float.
            gained = [(gain * enabled + running // 2) // running for gain in gained]
        if min(gained) < 0:
            gained = [max(0, gain) for gain in gained]
        self.totals = list(map(add, self.totals, gained))
        self.gained = gained
        self._last = reading
        self.pending, self.started = False, True
        return enabled / running if enabled > running else 1.0
