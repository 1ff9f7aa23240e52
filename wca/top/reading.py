"""What a source of rows gives: one look at the tasks and the machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from wca.metrics import Measurements

__all__ = ["MACHINE", "Facts", "Reading", "Source", "Watched"]

#: Stands for the machine where tasks are told apart by a key.
MACHINE = ""

#: Sentences by what tells them apart, such as the kind of an allocation.
Facts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Watched:
    """What was read of one task, or of one of its containers.

    Args:
        key: tells it from all others.
        task_id: of the task.
        name: for people.
        labels: all that are known.
        values: numbers by the names of the catalogue; what was not measured is not there.
        part: it is a container of a task.
    """

    key: str
    task_id: str
    name: str
    labels: Mapping[str, str]
    values: Measurements
    part: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """One look.

    Args:
        time: Unix time in seconds at which it was measured.
        at: the same moment in seconds on a clock for differences.
        host: name of the machine; empty: not known.
        tasks: what was read of each.
        machine: numbers of the machine.
        anomalies: what was found of tasks, by task id; None: nobody looks for any.
        allocations: what tasks are granted, by task id; None: nobody grants anything.
        read_at: when metrics were read that are not read each time, by name, on the clock of
            ``at``.
        notes: sentences about what does not work as it should.
    """

    time: float
    at: float
    host: str
    tasks: tuple[Watched, ...]
    machine: Measurements
    anomalies: Mapping[str, Facts] | None = None
    allocations: Mapping[str, Facts] | None = None
    read_at: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[str, ...] = ()


class Source(Protocol):
    """Where readings come from. ``read`` is called on one thread at a time.

    Attributes:
        name: what to call it in a title.
    """

    name: str

    def start(self) -> None:
        """Open what is needed. Raises StartError, UsageError."""

    def read(self, interval: float) -> Reading:
        """Look once.

        Args:
            interval: seconds from one look to the next.

        Raises:
            WcaError: there is nothing to see now; the sentence says why.
        """

    def cut(self) -> None:
        """End a ``read`` that waits for others, from any thread."""

    def close(self) -> None:
        """Give everything back; safe twice, and without ``start``."""
