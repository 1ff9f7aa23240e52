"""What one monitoring group counts: occupancy now, and bytes moved since it was first seen."""

from wca.errors import NotAvailable, TargetGone
from wca.linux.files import OpenFile
from wca.linux.parse import Malformed
from wca.linux.resctrl.tree import Resctrl
from wca.linux.resctrl.values import Place, l3_domains, parse_counter

__all__ = ["Counts", "Growth", "GroupCounts"]

_OCCUPANCY = "llc_occupancy"


class Growth:
    """By how much a counter of the kernel grows, from reading to reading.

    A counter that begins anew, because its number was given to somebody else or its CPUs were
    switched off, does not go backwards here and does not jump: it goes on from what it says then.
    The same holds after a gap: some processors count from zero after it, and some kernels take
    that for an overflow.

    Args:
        last: what counts as read already; None: whatever the first reading says.
    """

    __slots__ = ("_last",)

    def __init__(self, last: int | None) -> None:
        self._last = last

    def take(self, value: int | None) -> int:
        """The growth since the last reading; 0 where that is not known.

        Args:
            value: what the counter says; None: nothing at the moment.
        """
        last, self._last = self._last, value
        return 0 if value is None or last is None or value < last else value - last


class Counts:
    """Sums over groups and domains, by event; a sum of which one part lacks is absent.

    The growth of the other parts is kept all the same, so that it is not lost.
    """

    def __init__(self) -> None:
        self.values: dict[str, int] = {}
        self.absent: set[str] = set()
        #: The first thing that was not as documented.
        self.failure: Malformed | None = None

    def add(self, event: str, value: int) -> None:
        """Add what one domain says."""
        self.values[event] = self.values.get(event, 0) + value


class GroupCounts:
    """The counters of one monitoring group in all L3 domains, with open files.

    Args:
        resctrl: where the group is.
        place: the group.
        events: what this machine counts.
        whole: whether what it has counted so far is the task's as well.
    """

    def __init__(
        self, resctrl: Resctrl, place: Place, events: tuple[str, ...], *, whole: bool
    ) -> None:
        self._files = resctrl.files
        self._folder = resctrl.folder(place) + "/mon_data"
        self._events = events
        self._first = 0 if whole else None
        self._open: dict[tuple[str, str], OpenFile] = {}
        self._growth: dict[tuple[str, str], Growth] = {}
        self._domains: list[str] = []

    def read(self, counts: Counts) -> None:
        """Add what the group counts to ``counts``."""
        domains = l3_domains(self._files.subfolders(self._folder) or ())
        if domains != self._domains:  # CPUs were switched on or off
            self._forget(set(self._domains) - set(domains))
            self._domains = domains
        if not domains:
            counts.absent.update(self._events)
            return
        for domain in domains:
            for event in self._events:
                try:
                    self._add(counts, domain, event)
                except Malformed as broken:
                    counts.absent.add(event)
                    counts.failure = counts.failure or broken
        self._first = None  # what a domain says that appears later is not known to be the task's

    def skip(self, counts: Counts) -> None:
        """Add nothing: what it counts from now on, until it is read again, is not the task's."""
        counts.absent.update(self._events)
        self._first = None
        for growth in self._growth.values():
            growth.take(None)

    def close(self) -> None:
        """Close the files; safe twice."""
        for file in self._open.values():
            file.close()
        self._open.clear()

    def _add(self, counts: Counts, domain: str, event: str) -> None:
        value = self._value(domain, event)
        if event != _OCCUPANCY:
            growth = self._growth.setdefault((domain, event), Growth(self._first))
            counts.add(event, growth.take(value))
        elif value is not None:
            counts.add(event, value)
        if value is None:
            counts.absent.add(event)

    def _value(self, domain: str, event: str) -> int | None:
        path = f"{self._folder}/{domain}/{event}"
        try:
            file = self._open.get((domain, event))
            if file is None:
                file = self._open[domain, event] = self._files.open(path)
            data = file.read()
        except (NotAvailable, TargetGone):  # the group or the domain was removed at this moment
            self._forget({domain})
            return None
        try:
            return parse_counter(data)
        except Malformed as error:
            raise Malformed(f"{path}: {error}") from None

    def _forget(self, domains: set[str]) -> None:
        """Close the files of domains; what they count anew begins with the next reading."""
        for key in [key for key in self._open if key[0] in domains]:
            self._open.pop(key).close()
        for key in [key for key in self._growth if key[0] in domains]:
            self._growth[key] = Growth(None)
