"""From readings to rows: rates, totals, and what has happened to each task."""

import os
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from wca.top.columns import COLUMNS, Numbers
from wca.top.rates import Rates, total
from wca.top.reading import MACHINE, Facts, Reading, Watched

__all__ = ["Event", "Model", "Row", "Snapshot", "Totals"]

#: Events of each task that are kept.
_MOST_EVENTS = 20
_TICKS_PER_SECOND = float(os.sysconf("SC_CLK_TCK"))


@dataclass(frozen=True, slots=True)
class Event:
    """Something that began, changed or ended."""

    time: float
    words: str


@dataclass(frozen=True, slots=True)
class Row:
    """One task as the table shows it.

    Args:
        watched: what was read.
        rates: what its counters gain per second, by metric.
        numbers: of the columns, by title; None: not measured.
        events: the last ones, the oldest first.
        anomalies: sentences about those there are now.
        allocations: sentences about those that are in force.
    """

    watched: Watched
    rates: Mapping[str, float]
    numbers: Mapping[str, float | None]
    events: tuple[Event, ...] = ()
    anomalies: tuple[str, ...] = ()
    allocations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Totals:
    """The machine and all tasks; None: not measured.

    Args:
        cpu: share of all CPUs that is in use.
        cpus: how many there are.
        memory: bytes in use.
        memory_total: bytes.
        pressure: share of time in which some threads wait, for a CPU, memory and devices.
        tasks: how many there are.
        anomalies: how many there are now.
    """

    cpu: float | None
    cpus: float | None
    memory: float | None
    memory_total: float | None
    pressure: tuple[float | None, float | None, float | None]
    tasks: int
    anomalies: int | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a screen shows of one reading. Nobody changes it.

    Args:
        reading: what was read.
        rows: one for each task and each container.
        totals: of the machine.
        gap: seconds between the last two measurements; 0: not known.
    """

    reading: Reading
    rows: tuple[Row, ...]
    totals: Totals
    gap: float = 0.0


class Model:
    """Makes a snapshot of each reading, with what it remembers of those before."""

    def __init__(self) -> None:
        self._rates = Rates()
        self._history = _History()
        self._at: float | None = None
        self._gap = 0.0

    def take(self, reading: Reading) -> Snapshot:
        """Go on to this reading."""
        self._rates.take(reading)
        self._history.take(reading)
        if self._at is not None and reading.at > self._at:
            self._gap = reading.at - self._at
        self._at = reading.at
        rows = tuple(self._row(one, reading) for one in reading.tasks)
        return Snapshot(reading, rows, _totals(reading, self._rates.of(MACHINE)), self._gap)

    def _row(self, one: Watched, reading: Reading) -> Row:
        rates = self._rates.of(one.key)
        anomalies = _of(reading.anomalies, one)
        allocations = _of(reading.allocations, one)
        numbers = Numbers(
            one.values,
            rates,
            None if anomalies is None else len(anomalies),
            None if allocations is None else len(allocations),
        )
        return Row(
            one,
            rates,
            {column.title: column.number(numbers) for column in COLUMNS},
            () if one.part else self._history.of(one.task_id),
            tuple((anomalies or {}).values()),
            tuple((allocations or {}).values()),
        )


class _History:
    """What has happened to the tasks that there are."""

    def __init__(self) -> None:
        self._events: dict[str, deque[Event]] = {}
        self._before: Reading | None = None

    def of(self, task_id: str) -> tuple[Event, ...]:
        return tuple(self._events.get(task_id, ()))

    def take(self, reading: Reading) -> None:
        before, self._before = self._before, reading
        present = {one.task_id for one in reading.tasks if not one.part}
        self._events = {
            task_id: self._events.get(task_id) or deque(maxlen=_MOST_EVENTS)
            for task_id in sorted(present)
        }
        if before is None:
            return
        for task_id, events in self._events.items():
            changes = [
                *_changes("anomaly", before.anomalies, reading.anomalies, task_id),
                *_changes("allocation", before.allocations, reading.allocations, task_id),
            ]
            events += [Event(reading.time, words) for words in changes]


def _changes(
    what: str,
    before: Mapping[str, Facts] | None,
    after: Mapping[str, Facts] | None,
    task_id: str,
) -> list[str]:
    """What is there now and was not, or is another one now, and what has ended."""
    if before is None or after is None:
        return []
    old, new = before.get(task_id, {}), after.get(task_id, {})
    begun = [f"{what}: {words}" for key, words in new.items() if old.get(key) != words]
    return begun + [f"{what} ended: {words}" for key, words in old.items() if key not in new]


def _of(facts: Mapping[str, Facts] | None, one: Watched) -> Facts | None:
    """The facts about a task; of a container nothing is known."""
    return None if facts is None or one.part else facts.get(one.task_id, {})


def _totals(reading: Reading, rates: Mapping[str, float]) -> Totals:
    machine = reading.machine
    busy = machine.get("cpu_usage_per_cpu")
    cpus = len(busy) if isinstance(busy, Mapping) else total(machine.get("platform_topology_cpus"))
    ticks = rates.get("cpu_usage_per_cpu")
    some = tuple(
        rates.get(f"platform_psi_{resource}_some_seconds") for resource in ("cpu", "memory", "io")
    )
    anomalies = reading.anomalies
    return Totals(
        ticks / _TICKS_PER_SECOND / cpus if ticks is not None and cpus else None,
        cpus,
        total(machine.get("memory_usage")),
        total(machine.get("platform_mem_total_bytes")),
        (some[0], some[1], some[2]),
        sum(not one.part for one in reading.tasks),
        None if anomalies is None else sum(map(len, anomalies.values())),
    )
