"""Catalogue entries of the input and output of tasks, and of their processes. Data only."""

from collections.abc import Iterator

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["TASK_IO_METRICS"]

_C, _G = MetricType.COUNTER, MetricType.GAUGE
_B, _N = MetricUnit.BYTES, MetricUnit.NUMERIC
_BYTES_V1 = "v1: blkio.throttle.io_service_bytes_recursive"
_SERVICED_V1 = "v1: blkio.throttle.io_serviced_recursive"
_DISCARDS = "TaskIoCollector with discards"

# Name without its prefix, unit, what was counted, source, needs.
_COUNTED = (
    ("read_bytes", _B, "Bytes that the task read", f"{_BYTES_V1} Read; v2: io.stat rbytes", ""),
    (
        "written_bytes",
        _B,
        "Bytes that the task wrote",
        f"{_BYTES_V1} Write; v2: io.stat wbytes",
        "",
    ),
    ("reads", _N, "Read operations of the task", f"{_SERVICED_V1} Read; v2: io.stat rios", ""),
    ("writes", _N, "Write operations of the task", f"{_SERVICED_V1} Write; v2: io.stat wios", ""),
    (
        "discarded_bytes",
        _B,
        "Bytes that the task discarded",
        f"{_BYTES_V1} Discard; v2: io.stat dbytes",
        _DISCARDS,
    ),
    (
        "discards",
        _N,
        "Discard operations of the task",
        f"{_SERVICED_V1} Discard; v2: io.stat dios",
        _DISCARDS,
    ),
)


def _io_metrics() -> Iterator[MetricMetadata]:
    for name, unit, counted, source, needs in _COUNTED:
        yield MetricMetadata(
            f"task_io_{name}",
            _C,
            unit,
            MetricGranularity.TASK,
            f"{counted}, on all block devices.",
            source,
            needs=needs or "io controller; on v1 see docs/measuring.md",
        )
    for name, unit, counted, source, needs in _COUNTED:
        yield MetricMetadata(
            f"task_io_device_{name}",
            _C,
            unit,
            MetricGranularity.TASK,
            f"{counted}, on each block device.",
            source,
            ("device",),
            f"{needs or 'TaskIoCollector with'}{' and' if needs else ''} per_device",
        )


TASK_IO_METRICS: tuple[MetricMetadata, ...] = (
    *_io_metrics(),
    MetricMetadata(
        "task_pids",
        _G,
        _N,
        MetricGranularity.TASK,
        "Processes and threads of the task.",
        "v1 and v2: pids.current",
        needs="TaskPidsCollector",
    ),
    MetricMetadata(
        "task_pids_limit",
        _G,
        _N,
        MetricGranularity.TASK,
        "Processes and threads that the task may have; absent when unlimited.",
        "v1 and v2: pids.max",
        needs="TaskPidsCollector",
    ),
    MetricMetadata(
        "task_pids_limit_hits",
        _C,
        _N,
        MetricGranularity.TASK,
        "How often the task could not begin a process or thread because of the limit.",
        "v1 and v2: pids.events max",
        needs="TaskPidsCollector",
    ),
)
