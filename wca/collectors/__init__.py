"""Sources of numbers, one per file."""

from typing import TYPE_CHECKING

from wca.collectors.api import Cgroup, Collector, NotAvailable, Probe, TargetGone
from wca.lazy import lazy_names

if TYPE_CHECKING:
    from wca.collectors.work.api import WorkSource

__all__ = ["Cgroup", "Collector", "NotAvailable", "Probe", "TargetGone", "WorkSource"]

__getattr__ = lazy_names(__name__, {"WorkSource": "wca.collectors.work.api"})
