"""What a task may use of the CPUs, and since when it is there."""

from functools import partial
from typing import Annotated, cast

from wca.collectors.api import (
    INTERVAL,
    Cgroup,
    Collector,
    NodeTarget,
    NotAvailable,
    Probe,
    TaskTarget,
)
from wca.collectors.decoders import Decoder, number, scaled
from wca.collectors.file_probe import attach_files
from wca.linux.cpu_limits import parse_cpu_max, parse_cpu_weight, parse_quota
from wca.metrics import Measurements

__all__ = ["TaskSpecCollector"]

_QUOTA, _PERIOD = "task_cpu_quota_seconds", "task_cpu_period_seconds"
_SHARES, _STARTED = "task_cpu_shares", "task_started"
_MINUTE = 60.0
_MICROSECONDS = 1e6
#: Whose groups are looked at for the time at which they were made.
_CONTROLLERS = ("cpu", "cpuacct", "memory")
#: Hardly ever written to, unlike the folder itself, which changes with every group made in it.
_QUIET_FILES = {1: "cgroup.clone_children", 2: "cgroup.events"}


def _quota_v1(data: bytes) -> Measurements:
    quota = parse_quota(data)
    return {} if quota is None else {_QUOTA: quota / _MICROSECONDS}


def _limits_v2(data: bytes) -> Measurements:
    quota, period = parse_cpu_max(data)
    values: Measurements = {} if quota is None else {_QUOTA: quota / _MICROSECONDS}
    return values | {_PERIOD: period / _MICROSECONDS}


def _weight_v2(data: bytes) -> Measurements:
    return {_SHARES: parse_cpu_weight(data)}


_FILES: dict[int | None, tuple[tuple[str, Decoder], ...]] = {
    1: (
        ("cpu.cfs_quota_us", _quota_v1),
        ("cpu.cfs_period_us", scaled(_PERIOD, _MICROSECONDS)),
        ("cpu.shares", number(_SHARES)),
    ),
    2: (("cpu.max", _limits_v2), ("cpu.weight", _weight_v2)),
    None: (),
}


class TaskSpecCollector(Collector):
    """CPU quota and weight of a task, and since when its cgroup exists.

    Limits of memory are with TaskMemoryCollector. The time is that of the task, or container, that
    is there now: one that was started again has another one.

    Source: ``cpu.cfs_quota_us``, ``cpu.cfs_period_us`` and ``cpu.shares`` of cgroup v1, ``cpu.max``
    and ``cpu.weight`` of v2; times of the cgroup's folder and of a file in it.

    Args:
        interval: time between two readings; a minute when left out, because these numbers rarely
            change.
    """

    emits = (_QUOTA, _PERIOD, _SHARES, _STARTED)

    def __init__(self, interval: Annotated[float, INTERVAL] | None = _MINUTE) -> None:
        super().__init__(interval)

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the files of the task. Raises NotAvailable and TargetGone."""
        task = cast("TaskTarget", target)
        cgroup, started = task.cgroup, _started(task.cgroup, task.node)
        constant: Measurements = {} if started is None else {_STARTED: started}
        files = _FILES[cgroup.version("cpu")]
        try:
            return attach_files(
                ((partial(cgroup.open, "cpu", name), decode) for name, decode in files),
                [lambda _values: constant],
            )
        except NotAvailable:
            if not constant:
                raise
            return _Constant(constant)


def _started(cgroup: Cgroup, node: NodeTarget) -> float | None:
    """Unix time at which the first of the groups was made; None where there is none."""
    times: list[float] = []
    for controller in _CONTROLLERS:
        version, folder = cgroup.version(controller), cgroup.directory(controller)
        if version is None or folder is None:
            continue
        found = [node.modified(path) for path in (folder, f"{folder}/{_QUIET_FILES[version]}")]
        times += [time for time in found if time is not None]
    return min(times, default=None)


class _Constant:
    """What is known of a task without a file that could be read."""

    def __init__(self, values: Measurements) -> None:
        self._values = values

    def read(self, out: Measurements) -> None:
        out.update(self._values)

    def close(self) -> None:
        pass  # nothing is open
