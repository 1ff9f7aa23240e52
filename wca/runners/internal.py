"""What the agent measures about itself in each iteration."""

from wca.logger import LogCounter
from wca.metrics import Measurements
from wca.runners.engine import Engine
from wca.runners.stages import Sample

__all__ = ["internal_measurements"]


def internal_measurements(engine: Engine, log_counts: LogCounter, sample: Sample) -> Measurements:
    """Heartbeat, tasks, memory, durations, health, log counts and the fate of stored samples."""
    values: Measurements = {
        "wca_up": sample.timestamp,
        "wca_tasks": len(sample.tasks),
        **engine.telemetry.measurements(),
        "wca_stored_samples": {outlet.name: outlet.stored for outlet in engine.outlets},
    }
    optional = {
        "wca_memory_usage_bytes": engine.resident_bytes(),
        "wca_warning_count": log_counts.warnings.copy(),
        "wca_error_count": log_counts.errors.copy(),
        "wca_dropped_samples": {
            outlet.name: outlet.dropped.copy() for outlet in engine.outlets if outlet.dropped
        },
    }
    return values | {name: value for name, value in optional.items() if value}
