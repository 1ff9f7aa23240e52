"""How well a workload does, and how much it has to do, in numbers that can be compared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

from wca.errors import ValidationError
from wca.metrics import Metric, MetricType, MetricUnit

__all__ = ["CONSTANT_LOAD", "ServiceLevels"]

#: The name of the load of a generator that always asks for the same.
CONSTANT_LOAD = "const"

_HELP = {
    "sli": "What the workload achieves: its service level indicator.",
    "slo": "What the workload has to achieve: its service level objective.",
    "sli_normalized": "Indicator divided by objective; above 1 the objective is missed.",
    "load": "What the workload has to do.",
    "peak_load": "What the workload has to do at most.",
    "load_normalized": "Load divided by the peak load.",
}


@dataclass(frozen=True)
class ServiceLevels:
    """Which metrics of a program say how well it does.

    Args:
        sli: name of the metric that is the indicator, such as a latency; None: there is none.
        slo: the objective; None: there is none.
        inverse: the indicator is better when it is higher: it is one divided by the metric.
        load: name of the metric that is the load, or ``const``; None: there is none.
        peak_load: the highest load; needed with ``load``.

    Raises:
        ValidationError: one of two that belong together is missing, or a number cannot be divided
            by.
    """

    sli: str | None = None
    slo: float | None = None
    inverse: bool = False
    load: str | None = None
    peak_load: float | None = None

    def __post_init__(self) -> None:
        if (self.load is None) != (self.peak_load is None):
            raise ValidationError("load and peak-load belong together: give both or none")
        if self.sli is None and (self.slo is not None or self.inverse):
            raise ValidationError("slo and inverse-sli belong to sli: give its metric as well")
        for name, value in (("slo", self.slo), ("peak-load", self.peak_load)):
            if value is not None and not (isfinite(value) and value > 0):
                raise ValidationError(f"{name} is {value:g}, give a number above zero")

    def of(self, metrics: Sequence[Metric], prefix: str = "") -> list[Metric]:
        """What follows from the metrics of a report.

        Args:
            metrics: all of them, which stay as they are.
            prefix: that their names have, and those of ``sli`` and ``load`` may have.
        """
        found: list[Metric] = []
        for metric in metrics:
            add = _adding(found, metric)
            if self.sli is not None and metric.name in (self.sli, prefix + self.sli):
                self._add_sli(add, metric.value)
            if self.load is not None and metric.name in (self.load, prefix + self.load):
                self._add_load(add, metric.value)
        if metrics and self.load == CONSTANT_LOAD and self.peak_load is not None:
            self._add_load(_adding(found, metrics[0]), self.peak_load)
        return found

    def _add_sli(self, add: Callable[[str, float], None], value: float) -> None:
        if self.slo is not None:
            add("slo", self.slo)
        if self.inverse and not value:
            return  # endlessly bad
        sli = 1 / value if self.inverse else value
        add("sli", sli)
        if self.slo is not None:
            add("sli_normalized", sli / self.slo)

    def _add_load(self, add: Callable[[str, float], None], value: float) -> None:
        if self.peak_load is not None:
            add("peak_load", self.peak_load)
            add("load", value)
            add("load_normalized", value / self.peak_load)


def _adding(found: list[Metric], like: Metric) -> Callable[[str, float], None]:
    def add(name: str, value: float) -> None:
        found.append(
            Metric(
                name,
                value,
                like.labels,
                MetricType.GAUGE,
                _HELP[name],
                MetricUnit.NUMERIC,
                timestamp=like.timestamp,
            )
        )

    return add
