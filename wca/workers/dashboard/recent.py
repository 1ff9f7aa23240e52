"""The newest readings of each worker, in as few bytes as a line of a table can show."""

from collections.abc import Mapping

from wca.workers.model import Reading, Verdict

__all__ = ["LENGTH", "Recent"]

#: Readings that are kept of each metric.
LENGTH = 48
#: Stands for a reading without a value.
_NONE = 255
_KNOWN = (Verdict.VALUE, Verdict.ZERO)


class Recent:
    """Readings in percent, rounded, by worker and metric.

    Args:
        metrics: whose readings are kept.
    """

    def __init__(self, metrics: tuple[str, ...]) -> None:
        self._metrics = metrics
        self._by_worker: dict[str, dict[str, bytearray]] = {}

    def add(self, worker_id: str, readings: Mapping[str, Reading]) -> None:
        """The readings of one poll."""
        lines = self._by_worker.setdefault(worker_id, {name: bytearray() for name in self._metrics})
        for name, line in lines.items():
            line.append(_byte(readings.get(name)))
            del line[:-LENGTH]

    def of(self, worker_id: str) -> dict[str, list[int | None]]:
        """Its readings by metric, the newest last; None: there was no value."""
        lines = self._by_worker.get(worker_id, {})
        return {
            name: [None if one == _NONE else one for one in line] for name, line in lines.items()
        }

    def forget(self, worker_id: str) -> None:
        """It is not watched any more."""
        self._by_worker.pop(worker_id, None)


def _byte(reading: Reading | None) -> int:
    if reading is None or reading.value is None or reading.verdict not in _KNOWN:
        return _NONE
    return min(100, max(0, round(reading.value)))
