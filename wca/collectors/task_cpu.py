"""CPU time and throttling of a task."""

from functools import partial

from wca.collectors.api import Collector, NodeTarget, Probe, TaskTarget
from wca.collectors.decoders import Field, keyed, scaled
from wca.collectors.file_probe import attach_files, task_cgroup

__all__ = ["TaskCpuCollector"]

_PERIODS: tuple[Field, ...] = (
    (b"nr_periods ", "task_cpu_periods", None),
    (b"nr_throttled ", "task_cpu_throttled_periods", None),
)
_THROTTLED_V1: tuple[Field, ...] = (
    *_PERIODS,
    (b"throttled_time ", "task_cpu_throttled_seconds", 1e9),
)
_THROTTLED_V2: tuple[Field, ...] = (
    *_PERIODS,
    (b"throttled_usec ", "task_cpu_throttled_seconds", 1e6),
)
_USAGE_V2: tuple[Field, ...] = ((b"usage_usec ", "task_cpu_usage_seconds", 1e6),)


class TaskCpuCollector(Collector):
    """CPU seconds used by a task, and how often and how long its quota held it back.

    Source: ``cpuacct.usage`` and ``cpu.stat`` of cgroup v1, ``cpu.stat`` of v2. The two
    controllers of v1 may be mounted apart. On v2 the CPU time is counted for every group, the
    throttling only where the cpu controller is enabled.
    """

    emits = (
        "task_cpu_usage_seconds",
        "task_cpu_periods",
        "task_cpu_throttled_periods",
        "task_cpu_throttled_seconds",
    )

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the files of the task. Raises NotAvailable and TargetGone."""
        cgroup = task_cgroup(target)
        usage, quota = cgroup.version("cpuacct"), cgroup.version("cpu")
        files = []
        if usage == 2:  # one file for both, unless the cpu controller is in v1
            fields = _USAGE_V2 if quota == 1 else (*_USAGE_V2, *_THROTTLED_V2)
            files.append((partial(cgroup.open, "cpuacct", "cpu.stat"), keyed(fields)))
        else:
            decode = scaled("task_cpu_usage_seconds", 1e9)
            files.append((partial(cgroup.open, "cpuacct", "cpuacct.usage"), decode))
        if quota == 1:
            files.append((partial(cgroup.open, "cpu", "cpu.stat"), keyed(_THROTTLED_V1)))
        elif quota == 2 and usage != 2:
            files.append((partial(cgroup.open, "cpu", "cpu.stat"), keyed(_THROTTLED_V2)))
        return attach_files(files)
