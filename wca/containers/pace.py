"""How often the probes of a run are read: collectors may have intervals of their own."""

__all__ = ["Pace", "Paces"]


class Pace:
    """When the probes of collectors with one interval are read.

    Args:
        interval: seconds between two readings; None: every iteration.
    """

    __slots__ = ("_deadline", "due", "every", "interval", "read_at")

    def __init__(self, interval: float | None) -> None:
        self.interval = interval
        #: Whether its probes are read in this iteration, and whether they are in each.
        self.due = self.every = True
        #: Monotonic time of the iteration in which they were read last.
        self.read_at: float | None = None
        self._deadline: float | None = None

    def begin(self, now: float, base: float, stretch: int) -> None:
        """A new iteration begins.

        Args:
            now: monotonic time in seconds.
            base: the runner's interval in seconds.
            stretch: how many times longer than wanted all intervals are.
        """
        seconds = max(base, self.interval or 0.0) * stretch
        self.every = seconds <= base
        # One that begins a little early, by the jitter of waiting, is that of its deadline.
        self.due = self._deadline is None or self.every or now >= self._deadline - base / 2
        if not self.due:
            return
        self.read_at = now
        before = now if self._deadline is None else self._deadline
        self._deadline = max(before + seconds, now + base / 2)


class Paces:
    """The paces of a run, one for each interval that its collectors have.

    Args:
        base: the runner's interval in seconds.
    """

    def __init__(self, base: float = 1.0) -> None:
        self.base = base
        #: How many times longer than wanted all intervals are, to save CPU.
        self.stretch = 1
        self._paces: dict[float | None, Pace] = {}

    def of(self, interval: float | None) -> Pace:
        """The pace of an interval in seconds; None, or one below the runner's: every iteration."""
        wanted = None if interval is None or interval <= self.base else interval
        return self._paces.setdefault(wanted, Pace(wanted))

    def seconds(self, interval: float | None) -> float:
        """How many seconds lie between two readings of a collector with a thread of its own."""
        return (interval or self.base) * self.stretch

    def begin(self, now: float) -> None:
        """A new iteration begins at this monotonic time."""
        for pace in self._paces.values():
            pace.begin(now, self.base, self.stretch)
