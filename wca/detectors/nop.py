"""``NOPAnomalyDetector``: finds nothing."""

from collections.abc import Sequence

from wca.detectors.api import Anomaly, AnomalyDetector, TasksData
from wca.metrics import Metric
from wca.platforms.api import Platform

__all__ = ["NOPAnomalyDetector"]


class NOPAnomalyDetector(AnomalyDetector):
    """Finds nothing; to try a configuration, or to record what detectors would see."""

    def detect(
        self,
        platform: Platform,  # noqa: ARG002 - the contract's parameters
        tasks_data: TasksData,  # noqa: ARG002
    ) -> tuple[Sequence[Anomaly], Sequence[Metric]]:
        """No anomalies and no metrics."""
        return [], []
