"""CPU time per task for showing an interval to a detector, and for what each detector does."""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

from wca.detectors import (
    AnomalyDetector,
    InterferenceDetector,
    NOPAnomalyDetector,
    ThresholdDetector,
)
from wca.metrics import CATALOGUE, MetricGranularity, MetricType
from wca.nodes import Task
from wca.runners.stages import Sample, TaskSample
from wca.runners.views import Views
from wca.testing.detectors import a_platform

__all__ = ["HEADER", "rows"]

HEADER = "| detector | tasks | shown us/task | detect us/task | both ms |\n|---|---|---|---|---|"
_METRICS = 30
_RULES = [
    *(
        {"metric": metric, "above": 1e12, "for": 5}
        for metric in ("task_cpu_usage_seconds", "task_psi_cpu_some_seconds", "task_io_read_bytes")
    ),
    {"metric": "task_mem_usage_bytes", "above": 1e15, "for": 5},
    {"metric": "task_cpu_throttled_periods", "per": "task_cpu_periods", "above": 2},
]


@dataclass
class _Measured:
    """What the stage that asks a detector uses of a container."""

    task: Task


def rows(sizes: list[int], rounds: int) -> Iterator[str]:
    """A row of the table for each detector and size."""
    detectors = {
        "NOPAnomalyDetector": NOPAnomalyDetector,
        "ThresholdDetector, 5 rules": lambda: ThresholdDetector(_RULES),
        "InterferenceDetector": InterferenceDetector,
    }
    for name, make in detectors.items():
        for size in sizes:
            shown, asked = _measure(make(), size, rounds)
            both = (shown + asked) * size / 1000
            yield f"| {name} | {size} | {shown:.1f} | {asked:.1f} | {both:.1f} |"


def _measure(detector: AnomalyDetector, size: int, rounds: int) -> tuple[float, float]:
    """Medians in microseconds per task."""
    labels = {"app": "shop", "namespace": "default", "pod": "shop-1", "zone": "a"}
    tasks = [_Measured(Task(f"t{n}", f"t{n}", f"/t{n}", labels, {"cpus": 1})) for n in range(size)]
    entries = [one for one in CATALOGUE.values() if one.granularity is MetricGranularity.TASK]
    chosen = [one for one in entries if not one.levels][:_METRICS]
    chosen += [CATALOGUE[rule["metric"]] for rule in _RULES]
    views = Views(a_platform(), [one.name for one in entries if one.levels], dict)
    shown, asked = [], []
    for second in range(rounds + 2):
        numbers = {
            one.name: second if one.type is MetricType.COUNTER else second % 5 for one in chosen
        }
        measured = [TaskSample(task, dict(numbers)) for task in tasks]
        start = time.thread_time()
        view = views.of(Sample(1e9 + second, measured, monotonic=float(second)))
        between = time.thread_time()
        detector.detect(view.platform, view.tasks)
        shown.append(between - start)
        asked.append(time.thread_time() - between)
    return tuple(statistics.median(one[2:]) / size * 1e6 for one in (shown, asked))
