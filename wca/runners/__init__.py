"""What runs: the root of a configuration."""

from typing import TYPE_CHECKING

from wca.lazy import lazy_names
from wca.runners.api import Runner

if TYPE_CHECKING:
    from wca.runners.allocation import AllocationRunner
    from wca.runners.detection import DetectionRunner
    from wca.runners.measurement import MeasurementRunner

__all__ = ["AllocationRunner", "DetectionRunner", "MeasurementRunner", "Runner"]

__getattr__ = lazy_names(
    __name__,
    {
        "AllocationRunner": "wca.runners.allocation",
        "DetectionRunner": "wca.runners.detection",
        "MeasurementRunner": "wca.runners.measurement",
    },
)
