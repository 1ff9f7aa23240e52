"""Who is hurt, by what and by whom."""

from typing import TYPE_CHECKING

from wca.detectors.api import (
    Anomaly,
    AnomalyDetector,
    ContendedResource,
    ContentionAnomaly,
    Detector,
    Evidence,
    Stateful,
    Suspect,
    TaskData,
    TasksData,
    TasksLabels,
    TasksMeasurements,
    TasksResources,
)
from wca.lazy import lazy_names

if TYPE_CHECKING:
    from wca.detectors.cpi import CPIDetector
    from wca.detectors.interference import InterferenceDetector
    from wca.detectors.model import ModelDetector
    from wca.detectors.multi import MultiDetector
    from wca.detectors.nop import NOPAnomalyDetector
    from wca.detectors.threshold import ThresholdDetector

__all__ = [
    "Anomaly",
    "AnomalyDetector",
    "CPIDetector",
    "ContendedResource",
    "ContentionAnomaly",
    "Detector",
    "Evidence",
    "InterferenceDetector",
    "ModelDetector",
    "MultiDetector",
    "NOPAnomalyDetector",
    "Stateful",
    "Suspect",
    "TaskData",
    "TasksData",
    "TasksLabels",
    "TasksMeasurements",
    "TasksResources",
    "ThresholdDetector",
]

__getattr__ = lazy_names(
    __name__,
    {
        "CPIDetector": "wca.detectors.cpi",
        "InterferenceDetector": "wca.detectors.interference",
        "ModelDetector": "wca.detectors.model",
        "MultiDetector": "wca.detectors.multi",
        "NOPAnomalyDetector": "wca.detectors.nop",
        "ThresholdDetector": "wca.detectors.threshold",
    },
)
