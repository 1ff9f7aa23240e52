"""Sources of numbers, one per file."""

from wca.collectors.api import Cgroup, Collector, NotAvailable, Probe, TargetGone

__all__ = ["Cgroup", "Collector", "NotAvailable", "Probe", "TargetGone"]
