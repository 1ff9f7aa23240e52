"""CPU time per task for showing an interval to a detector, and for what each detector does."""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass

from wca.detectors import (
    AnomalyDetector,
    CPIDetector,
    InterferenceDetector,
    ModelDetector,
    MultiDetector,
    NOPAnomalyDetector,
    ThresholdDetector,
)
from wca.detectors.interfering.judged import JUDGED
from wca.detectors.interfering.norms import load_bin
from wca.detectors.modelling.file import encode_model
from wca.detectors.modelling.model import BY_FENCE, Learned, Load, Model, Parameters
from wca.metrics import CATALOGUE, MetricGranularity, MetricType
from wca.nodes import Task
from wca.runners.stages import Sample, TaskSample
from wca.runners.views import Views
from wca.testing.detectors import a_platform

__all__ = ["HEADER", "rows"]

HEADER = "| detector | tasks | shown us/task | detect us/task | both ms |\n|---|---|---|---|---|"
_METRICS = 30
#: What InterferenceDetector reads where there are neither hardware counters nor resctrl.
_READ = (
    *("task_cpu_usage_seconds", "task_run_queue_delay_seconds", "task_psi_cpu_some_seconds"),
    *("task_psi_io_some_seconds", "task_psi_memory_some_seconds", "task_psi_memory_full_seconds"),
    *("task_cpu_periods", "task_cpu_throttled_periods", "task_cpu_throttled_seconds"),
    *("task_mem_refaults_file", "task_mem_major_page_faults", "task_mem_page_faults"),
    *("task_io_read_bytes", "task_io_written_bytes", "task_io_reads", "task_io_writes"),
    *("task_mem_usage_bytes", "task_cpu_shares"),
)
#: Intervals before those that are timed: baselines are there, windows are full.
_BEFORE = 40
#: Growth of every counter in a second; CPUs in use among them.
_USED = 0.25
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
        "InterferenceDetector": lambda: InterferenceDetector(samples=20),
        "ModelDetector": lambda: _with_model(max(sizes)),
        "CPIDetector": lambda: CPIDetector(period=1, samples=20),
        "MultiDetector of both": lambda: MultiDetector(
            [InterferenceDetector(samples=20), CPIDetector(period=1, samples=20)]
        ),
    }
    for name, make in detectors.items():
        for size in sizes:
            shown, asked = _measure(make(), size, rounds)
            both = (shown + asked) * size / 1000
            yield f"| {name} | {size} | {shown:.1f} | {asked:.1f} | {both:.1f} |"


def _with_model(size: int) -> AnomalyDetector:
    """With limits of its own for each task at its load."""
    limit = Learned(1e9, 1e9, 100, BY_FENCE, [(1.0, 0.0, 0.0)])
    load = Load(100, dict.fromkeys(range(len(JUDGED)), limit))
    place = load_bin(_USED)
    model = Model(
        "benchmark",
        [],
        None,
        Parameters("application", 0.05, 60, 4, 3.0, 0.05, 0.2),
        {f"t{number}": {place: load} for number in range(size)},
    )
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.json")
        with open(path, "wb") as file:
            file.write(encode_model(model))
        detector = ModelDetector(path)
        detector.start()
    return detector


def _measure(detector: AnomalyDetector, size: int, rounds: int) -> tuple[float, float]:
    """Medians in microseconds per task."""
    labels = {"app": "shop", "namespace": "default", "pod": "shop-1", "zone": "a"}
    tasks = [_Measured(Task(f"t{n}", f"t{n}", f"/t{n}", labels, {"cpus": 1})) for n in range(size)]
    entries = [one for one in CATALOGUE.values() if one.granularity is MetricGranularity.TASK]
    chosen = [one for one in entries if not one.levels][:_METRICS]
    chosen += [CATALOGUE[name] for name in (*_READ, *(rule["metric"] for rule in _RULES))]
    nested = frozenset(one.name for one in entries if one.levels)
    views = Views(a_platform(), lambda: nested, dict)
    shown, asked = [], []
    for second in range(rounds + _BEFORE):
        numbers = {
            one.name: second * _USED if one.type is MetricType.COUNTER else 5 for one in chosen
        }
        measured = [TaskSample(task, dict(numbers)) for task in tasks]
        start = time.thread_time()
        view = views.of(Sample(1e9 + second, measured, monotonic=float(second)))
        between = time.thread_time()
        detector.detect(view.platform, view.tasks)
        shown.append(between - start)
        asked.append(time.thread_time() - between)
    return tuple(statistics.median(one[_BEFORE:]) / size * 1e6 for one in (shown, asked))
