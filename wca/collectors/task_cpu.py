"""CPU time and throttling of a task."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, cast

from wca.collectors.api import (
    INTERVAL,
    Cgroup,
    Collector,
    NodeTarget,
    Probe,
    Readable,
    TaskTarget,
)
from wca.collectors.container_sums import ContainerSums
from wca.collectors.decoders import Decoder, Field, keyed, scaled
from wca.collectors.file_probe import attach_files

__all__ = ["TaskCpuCollector"]

_USAGE = "task_cpu_usage_seconds"
_USER, _SYSTEM = "task_cpu_user_seconds", "task_cpu_system_seconds"
_BURSTS, _BURST_SECONDS = "task_cpu_bursts", "task_cpu_burst_seconds"
_File = tuple[Callable[[], Readable], Decoder]
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

_PERIODS: tuple[Field, ...] = (
    (b"nr_periods ", "task_cpu_periods", None),
    (b"nr_throttled ", "task_cpu_throttled_periods", None),
)
# By version of the hierarchy, as are the following.
_QUOTA: dict[int, tuple[Field, ...]] = {
    1: (*_PERIODS, (b"throttled_time ", "task_cpu_throttled_seconds", 1e9)),
    2: (*_PERIODS, (b"throttled_usec ", "task_cpu_throttled_seconds", 1e6)),
}
_BURST: dict[int, tuple[Field, ...]] = {
    1: ((b"nr_bursts ", _BURSTS, None), (b"burst_time ", _BURST_SECONDS, 1e9)),
    2: ((b"nr_bursts ", _BURSTS, None), (b"burst_usec ", _BURST_SECONDS, 1e6)),
}
_USED_V2: tuple[Field, ...] = ((b"usage_usec ", _USAGE, 1e6),)
_MODES_V1: tuple[Field, ...] = (
    (b"user ", _USER, _TICKS_PER_SECOND),
    (b"system ", _SYSTEM, _TICKS_PER_SECOND),
)
_MODES_V2: tuple[Field, ...] = ((b"user_usec ", _USER, 1e6), (b"system_usec ", _SYSTEM, 1e6))


class TaskCpuCollector(Collector):
    """CPU seconds used by a task, and how often and how long its quota held it back.

    The kernel counts periods, throttling and bursts for each group by itself: those of a task with
    containers, a pod, are the sums over its own group and those of its containers, also of
    containers that have ended.

    Source: ``cpuacct.usage`` and ``cpu.stat`` of cgroup v1, ``cpu.stat`` of v2. The two
    controllers of v1 may be mounted apart. On v2 the CPU time is counted for every group, the
    throttling only where the cpu controller is enabled.

    Args:
        details: measure also user and system time (``cpuacct.stat`` on v1, in clock ticks) and
            the use of bursts beyond the quota (Linux 5.16).
        interval: time between two readings; the runner's when left out.
    """

    sums_containers = True
    emits = (
        _USAGE,
        "task_cpu_periods",
        "task_cpu_throttled_periods",
        "task_cpu_throttled_seconds",
        _USER,
        _SYSTEM,
        _BURSTS,
        _BURST_SECONDS,
    )

    def __init__(
        self, details: bool = False, interval: Annotated[float, INTERVAL] | None = None
    ) -> None:
        super().__init__(interval)
        self._details = details

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the files of the task. Raises NotAvailable and TargetGone."""
        task = cast("TaskTarget", target)
        own = attach_files(self._files(task.cgroup))
        if not task.task.subcgroups_paths:
            return own
        names = [name for _, name, _ in self._quota(2)]
        return ContainerSums(own, task, lambda one: attach_files(self._quota_files(one)), names)

    def _files(self, cgroup: Cgroup) -> Iterator[_File]:
        usage, quota = cgroup.version("cpuacct"), cgroup.version("cpu")
        if usage == 2:  # one file for both, unless the cpu controller is in v1
            fields = _USED_V2 if quota == 1 else (*_USED_V2, *self._quota(2))
            fields += _MODES_V2 if self._details else ()
            yield partial(cgroup.open, "cpuacct", "cpu.stat"), keyed(fields)
        else:
            yield partial(cgroup.open, "cpuacct", "cpuacct.usage"), scaled(_USAGE, 1e9)
            if self._details:
                yield partial(cgroup.open, "cpuacct", "cpuacct.stat"), keyed(_MODES_V1)
        if quota == 1 or usage != 2:
            yield from self._quota_files(cgroup)

    def _quota_files(self, cgroup: Cgroup) -> Iterator[_File]:
        """The file of periods and throttling alone."""
        version = cgroup.version("cpu")
        # On v2 the file is there, and gets these lines when the controller is enabled.
        controller = "cpuacct" if version is None and cgroup.version("cpuacct") == 2 else "cpu"
        if version or controller == "cpuacct":
            yield partial(cgroup.open, controller, "cpu.stat"), keyed(self._quota(version or 2))

    def _quota(self, version: int) -> tuple[Field, ...]:
        return _QUOTA[version] + (_BURST[version] if self._details else ())
