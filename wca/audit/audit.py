"""Where the records of a runner go."""

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["Audit", "LossySink", "Sink", "Sinks"]

Record = Mapping[str, Any]


class Sink(Protocol):
    """Takes records."""

    def add(self, record: Record) -> None:
        """Take one that nobody changes any more; returns at once and never raises."""


class LossySink(Sink, Protocol):
    """Takes records, and leaves out those that it cannot pass on without waiting."""

    @property
    def dropped(self) -> int:
        """How many were left out."""


class Sinks:
    """Hands each record to several.

    Args:
        sinks: take it, in this order.
    """

    def __init__(self, *sinks: Sink) -> None:
        self._sinks = sinks

    def add(self, record: Record) -> None:
        """Hand on one record."""
        for sink in self._sinks:
            sink.add(record)


class Audit:
    """Hands each record to everybody who takes some.

    Args:
        records: the file of records; None: there is none.
        others: by the name that their losses are exported with.
    """

    def __init__(
        self, records: Sink | None = None, others: Mapping[str, LossySink] | None = None
    ) -> None:
        self._others = dict(others or {})
        self._sinks = [*([] if records is None else [records]), *self._others.values()]

    def add(self, record: Record) -> None:
        """Hand on one record."""
        for sink in self._sinks:
            sink.add(record)

    @property
    def dropped(self) -> dict[str, int]:
        """Records that were left out, by the name of who has."""
        return {name: sink.dropped for name, sink in self._others.items()}
