"""What state each collector is in, what it costs, and how old its values are."""

from collections import Counter
from collections.abc import Mapping, Sequence

from wca.collectors import Collector
from wca.collectors.api import TellsUnmeasured
from wca.containers import Containers, Paces
from wca.containers.costs import Costs
from wca.containers.machine import Machine
from wca.errors import PLUGIN_ERRORS
from wca.metrics import Measurements
from wca.telemetry import Telemetry

__all__ = ["CollectorStates"]

#: States of a collector that is not stopped, and has a source here.
_RUNNING = ("working", "failing")


class CollectorStates:
    """Answers for every collector of a run.

    Args:
        collectors: by name.
        machine: what is measured of the machine.
        levels: what is measured of tasks, then of their containers.
        paces: how often each collector is read.
        telemetry: knows which of them fail.
        costs: what they have cost.
    """

    def __init__(
        self,
        collectors: Mapping[str, Collector],
        machine: Machine,
        levels: Sequence[Containers],
        paces: Paces,
        telemetry: Telemetry,
        costs: Costs,
    ) -> None:
        self._collectors = collectors
        self._machine = machine
        self._levels = levels
        self._paces = paces
        self._telemetry = telemetry
        self.costs = costs
        #: Collectors that are not to measure for now.
        self.stopped: frozenset[str] = frozenset()

    def due(self, scope: str) -> list[str]:
        """Collectors of tasks or of the machine that are read on this thread in this iteration."""
        return [
            name
            for name, one in self._collectors.items()
            if one.scope == scope and not one.blocking and self._paces.of(one.interval).due
        ]

    def runs(self, name: str) -> bool:
        """Whether a collector is not stopped, and has a source here."""
        return self._state(name) in _RUNNING

    def measurements(self, now: float) -> Measurements:
        """State, cost and age of each collector, at this monotonic time."""
        values = self.costs.measurements(now)
        values.pop("wca_collector_age_seconds", None)
        ages = self.ages(now)
        if ages:
            values["wca_collector_age_seconds"] = ages
        states = {name: self._state(name) for name in self._collectors}
        if unmeasured := self._unmeasured(states):
            values["wca_tasks_unmeasured"] = unmeasured
        named = {name: {state: 1} for name, state in states.items()}
        return {**values, "wca_collector_state": named}

    def ages(self, now: float) -> dict[str, float]:
        """How old the values are of collectors that are not read in each iteration, in seconds."""
        ages = self.costs.ages(now) | self._ages(now)
        return {name: age for name, age in ages.items() if self.runs(name)}

    def _unmeasured(self, states: Mapping[str, str]) -> Measurements:
        """How many tasks and containers the collectors that measure others have no numbers of."""
        counts: Counter[tuple[str, str]] = Counter()
        for level in self._levels:
            counts.update(level.unmeasured)
        for name, collector in self._collectors.items():
            counts.update((name, why) for why in _told(collector).values())
        found: Measurements = {}
        for (name, why), count in counts.items():
            if states[name] in _RUNNING:
                found.setdefault(name, {})[why] = count
        return found

    def _state(self, name: str) -> str:
        if name in self.stopped:
            return "stopped"
        if self._is_unavailable(name):
            return "unavailable"
        return "failing" if self._telemetry.healthy(name) is False else "working"

    def _is_unavailable(self, name: str) -> bool:
        """Whether there is no source for the machine, or for anything that is measured of tasks."""
        collector = self._collectors[name]
        if collector.scope == "node":
            return name in self._machine.unavailable
        measured = sum(level.measured[name] for level in self._levels)
        without = sum(level.unmeasured[name, "unavailable"] for level in self._levels)
        told = list(_told(collector).values()).count("unavailable")
        return 0 < measured <= without + told

    def _ages(self, now: float) -> dict[str, float]:
        """Of the collectors that are read on this thread, but not in each iteration."""
        paces = {
            name: self._paces.of(one.interval)
            for name, one in self._collectors.items()
            if not one.blocking
        }
        return {
            name: max(0.0, now - pace.read_at)
            for name, pace in paces.items()
            if not pace.every and pace.read_at is not None
        }


def _told(collector: Collector) -> Mapping[str, str]:
    """Why a collector has no numbers of some tasks, by their id, as it tells itself."""
    try:
        return dict(collector.unmeasured) if isinstance(collector, TellsUnmeasured) else {}
    except PLUGIN_ERRORS:  # a plugin's own attribute that happens to have the name
        return {}
