"""The events of PMUs outside of the CPUs at work."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from wca.errors import Postponed
from wca.linux.perf.counting import PerfGroup
from wca.linux.perf.scaling import ScaledGroup
from wca.linux.perf.uncore_names import UncoreCount
from wca.metrics import Measurements
from wca.metrics.uncore_derived import DERIVED_FROM, derived_uncore

__all__ = ["UncoreGroup", "UncoreKey", "UncoreProbe"]

_FACTOR = "platform_scaling_uncore_factor"

#: A metric, a socket and a PMU.
UncoreKey = tuple[str, str, str]


class UncoreGroup:
    """A group of events on one PMU of one socket, with its totals.

    Args:
        socket: number of the socket.
        pmu: name of the PMU.
        group: open.
        counts: what it counts, in its order.
    """

    __slots__ = ("counts", "factor", "group", "pmu", "scaled", "socket")

    def __init__(
        self, socket: str, pmu: str, group: PerfGroup, counts: Sequence[UncoreCount]
    ) -> None:
        self.socket = socket
        self.pmu = pmu
        self.group = group
        self.counts = tuple(counts)
        self.scaled = ScaledGroup(len(self.counts))
        #: By how much the last part was scaled; None: nothing of it was counted.
        self.factor: float | None = None

    def read(self) -> None:
        """Bring totals and factor up to date. Raises OSError."""
        self.factor = None
        reading = self.group.read()
        if reading is not None:
            self.factor = self.scaled.take(reading)


class _Sum:
    """What is counted for one metric on one PMU of one socket, by one or more events."""

    __slots__ = ("_last", "_parts")

    def __init__(self) -> None:
        self._parts: list[tuple[UncoreGroup, int, float]] = []
        self._last: tuple[float, float] | None = None

    def add(self, group: UncoreGroup, position: int, scale: float) -> None:
        """Add one event of a group."""
        self._parts.append((group, position, scale))

    @property
    def total(self) -> float | None:
        """Since the beginning; None as long as an event was never counted."""
        if not all(group.scaled.started for group, _, _ in self._parts):
            return None
        return sum(
            group.scaled.totals[position] * (1 if scale == 1 else scale)
            for group, position, scale in self._parts
        )

    def rate(self, now: float) -> float | None:
        """Per second, since the last reading in which all events were counted; None: not known."""
        total = self.total
        if total is None or any(group.factor is None for group, _, _ in self._parts):
            return None
        last, self._last = self._last, (now, total)
        if last is None or now <= last[0]:
            return None
        return (total - last[1]) / (now - last[0])


class UncoreProbe:
    """Reads every group with one call each.

    Args:
        groups: enabled.
        monotonic: time in seconds.
        derive: whether to add what follows from the counters.
        incomplete: sums that are left out, because they lack an event.
    """

    def __init__(
        self,
        groups: Iterable[UncoreGroup],
        monotonic: Callable[[], float],
        *,
        derive: bool,
        incomplete: Collection[UncoreKey] = (),
    ) -> None:
        self._groups = tuple(groups)
        self._monotonic = monotonic
        self._derive = derive
        self._sums: dict[UncoreKey, _Sum] = {}
        for group in self._groups:
            for position, count in enumerate(group.counts):
                key = (count.event.name, group.socket, group.pmu)
                if key not in incomplete:
                    self._sums.setdefault(key, _Sum()).add(group, position, count.scale)

    def read(self, out: Measurements) -> None:
        """Add the totals since ``attach``, the factors, and what is derived.

        Raises:
            OSError: a group could not be read; what the others have counted was added.
        """
        failed = Postponed()
        self._read_groups(failed)
        totals = {key: one.total for key, one in self._sums.items()}
        out.update(_nested({key: total for key, total in totals.items() if total is not None}))
        out.update(_nested(self._factors()))
        if self._derive:
            out.update(derived_uncore(self._rates()))
        failed.raise_kept()

    def close(self) -> None:
        """Close all events; safe twice."""
        groups, self._groups = self._groups, ()
        self._sums = {}
        for one in groups:
            one.group.close()

    def _read_groups(self, failed: Postponed) -> None:
        for one in self._groups:
            try:
                one.read()
            except OSError as error:
                failed.keep(error)

    def _factors(self) -> dict[UncoreKey, float]:
        """The mean over the groups of each PMU of each socket of which something was counted."""
        factors: dict[UncoreKey, list[float]] = {}
        for one in self._groups:
            if one.factor is not None:
                factors.setdefault((_FACTOR, one.socket, one.pmu), []).append(one.factor)
        return {key: sum(values) / len(values) for key, values in factors.items()}

    def _rates(self) -> Mapping[str, Mapping[str, Mapping[str, float]]]:
        now = self._monotonic()
        rates = {key: one.rate(now) for key, one in self._sums.items() if key[0] in DERIVED_FROM}
        return _nested({key: rate for key, rate in rates.items() if rate is not None})


def _nested(values: Mapping[UncoreKey, float]) -> dict[str, dict[str, dict[str, float]]]:
    nested: dict[str, dict[str, dict[str, float]]] = {}
    for (metric, socket, pmu), value in values.items():
        nested.setdefault(metric, {}).setdefault(socket, {})[pmu] = value
    return nested
