"""What measuring costs the agent, by collector."""

from collections.abc import Collection, Mapping

from wca.metrics import Measurements

__all__ = ["Costs"]


class Costs:
    """CPU time and duration of each collector. Each collector is written by one thread."""

    def __init__(self) -> None:
        self._cpu: dict[str, float] = {}
        self._duration: dict[str, float] = {}
        self._read_at: dict[str, float] = {}
        self._last: dict[str, float] = {}

    def add(
        self, name: str, cpu_seconds: float, duration: float | None, read_at: float | None = None
    ) -> None:
        """A collector has read its targets.

        Args:
            name: of the collector.
            cpu_seconds: CPU time that it took.
            duration: seconds that it took; None: not all of them were read.
            read_at: monotonic time at which it began; None: its values are not that old, or not
                all of them were read.
        """
        self._cpu[name] = self._cpu.get(name, 0.0) + cpu_seconds
        if duration is not None:
            self._duration[name] = duration
        if read_at is not None:
            self._read_at[name] = read_at

    def split(
        self,
        spent: Mapping[str, float],
        due: Collection[str],
        cpu_seconds: float,
        duration: float,
    ) -> None:
        """The collectors of tasks have read all tasks together.

        Args:
            spent: by collector, what one task took when it was read apart, in seconds of CPU.
            due: the collectors that have read.
            cpu_seconds: CPU time that all tasks took.
            duration: seconds that all tasks took.
        """
        self._last.update(spent)
        read = {name: self._last[name] for name in due if name in self._last}
        whole = sum(read.values())
        for name, part in read.items():
            share = part / whole if whole else 0.0
            self.add(name, cpu_seconds * share, duration * share)

    def forget(self, name: str) -> None:
        """The collector is not asked any more: what it has cost stays, its share does not."""
        self._last.pop(name, None)
        self._duration.pop(name, None)
        self._read_at.pop(name, None)

    def measurements(self, now: float) -> Measurements:
        """CPU seconds and last duration of each collector, and how old the values of some are.

        Args:
            now: monotonic time.
        """
        values: Measurements = {
            "wca_collector_cpu_seconds": self._cpu.copy(),
            "wca_collector_duration_seconds": self._duration.copy(),
            "wca_collector_age_seconds": self.ages(now),
        }
        return {name: value for name, value in values.items() if value}

    def ages(self, now: float) -> dict[str, float]:
        """How old the values of some collectors are, in seconds.

        Args:
            now: monotonic time.
        """
        return {name: max(0.0, now - at) for name, at in self._read_at.copy().items()}
