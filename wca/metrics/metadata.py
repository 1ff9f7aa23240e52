"""One entry of the metric catalogue."""

from dataclasses import dataclass

from wca.metrics.cadvisor_names import CADVISOR_NAMES, CadvisorName
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit
from wca.metrics.prometheus_names import PrometheusName, prometheus_name

__all__ = ["MetricMetadata"]


@dataclass(frozen=True, slots=True)
class MetricMetadata:
    """What one metric is.

    Args:
        name: the name it is exported under with ``names: wca``; the others follow from it.
        type: gauge or counter.
        unit: what one unit of the value is.
        granularity: what it is about, see ``MetricGranularity``.
        help: one sentence, the HELP text.
        source: where the number comes from, per cgroup version where they differ.
        levels: label names for the keys of a nested value, outermost first.
        needs: what has to be there or switched on; empty for what is always collected.
    """

    name: str
    type: MetricType
    unit: MetricUnit
    granularity: MetricGranularity
    help: str
    source: str
    levels: tuple[str, ...] = ()
    needs: str = ""

    @property
    def prometheus(self) -> PrometheusName:
        """What the metric is called with ``names: prometheus``."""
        return prometheus_name(self.name, self.type, self.unit)

    @property
    def cadvisor(self) -> CadvisorName | None:
        """What it is called with ``names: cadvisor``; None: the same as with ``prometheus``."""
        return CADVISOR_NAMES.get(self.name)
