"""Catalogue entries of tasks. Data only."""

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["TASK_METRICS"]

_CPU_DETAILS = "TaskCpuCollector with details"
_SUMMED = ", a pod's summed with its containers'"
_SPEC = "TaskSpecCollector"


def _task(
    name: str,
    type_: MetricType,
    unit: MetricUnit,
    help_: str,
    source: str,
    *,
    levels: tuple[str, ...] = (),
    needs: str = "",
) -> MetricMetadata:
    return MetricMetadata(name, type_, unit, MetricGranularity.TASK, help_, source, levels, needs)


_C, _G = MetricType.COUNTER, MetricType.GAUGE
_B, _N, _S = MetricUnit.BYTES, MetricUnit.NUMERIC, MetricUnit.SECONDS


def _psi(resource: str, kind: str, stalled: str) -> MetricMetadata:
    return _task(
        f"task_psi_{resource}_{kind}_seconds",
        _C,
        _S,
        f"Time in which {stalled} waited for {resource}.",
        f"v2 and hybrid: {resource}.pressure, {kind} total",
        needs="kernel with PSI",
    )


TASK_METRICS: tuple[MetricMetadata, ...] = (
    _task("task_up", _G, _N, "1 for every task that was measured.", "internal"),
    _task(
        "task_last_seen",
        _G,
        MetricUnit.TIMESTAMP,
        "Unix time of the task's last measurement.",
        "internal",
    ),
    _task(
        "task_started",
        _G,
        MetricUnit.TIMESTAMP,
        "Unix time at which the task's cgroup was made; later, never earlier, where the kernel had "
        "to forget it for want of memory.",
        "time of the cgroup's folder, cgroup.clone_children (v1) or cgroup.events (v2)",
        needs=_SPEC,
    ),
    _task(
        "task_subcontainers",
        _G,
        _N,
        "Containers of the task that have a cgroup of their own.",
        "node",
    ),
    _task(
        "task_measuring_cpu_seconds",
        _G,
        _S,
        "CPU time of the agent for reading the task once, on all of its threads, when that was "
        "measured last: one task in each iteration, in turn.",
        "thread clocks",
    ),
    _task("task_requested_cpus", _G, _N, "CPUs requested for the task, in cores.", "node"),
    _task("task_requested_mem_bytes", _G, _B, "Memory requested for the task.", "node"),
    _task(
        "task_cpu_usage_seconds",
        _C,
        _S,
        "CPU time used by the task.",
        "v1: cpuacct.usage; v2: cpu.stat usage_usec",
    ),
    _task(
        "task_cpu_periods",
        _C,
        _N,
        "Enforcement periods of the CPU quota that have passed.",
        f"v1 and v2: cpu.stat nr_periods{_SUMMED}",
        needs="cpu controller",
    ),
    _task(
        "task_cpu_throttled_periods",
        _C,
        _N,
        "Enforcement periods in which the task used up its CPU quota.",
        f"v1 and v2: cpu.stat nr_throttled{_SUMMED}",
        needs="cpu controller",
    ),
    _task(
        "task_cpu_throttled_seconds",
        _C,
        _S,
        "Time the task was held back by its CPU quota, summed over CPUs.",
        f"v1: cpu.stat throttled_time; v2: cpu.stat throttled_usec{_SUMMED}",
        needs="cpu controller",
    ),
    _task(
        "task_cpu_user_seconds",
        _C,
        _S,
        "CPU time used by the task outside the kernel.",
        "v1: cpuacct.stat user, in clock ticks; v2: cpu.stat user_usec",
        needs=_CPU_DETAILS,
    ),
    _task(
        "task_cpu_system_seconds",
        _C,
        _S,
        "CPU time used by the kernel for the task.",
        "v1: cpuacct.stat system, in clock ticks; v2: cpu.stat system_usec",
        needs=_CPU_DETAILS,
    ),
    _task(
        "task_cpu_bursts",
        _C,
        _N,
        "Enforcement periods in which the task used more than its CPU quota.",
        f"v1 and v2: cpu.stat nr_bursts (Linux 5.16){_SUMMED}",
        needs=_CPU_DETAILS,
    ),
    _task(
        "task_cpu_burst_seconds",
        _C,
        _S,
        "CPU time used beyond the quota, out of what was left of earlier periods.",
        f"v1: cpu.stat burst_time; v2: cpu.stat burst_usec (Linux 5.16){_SUMMED}",
        needs=_CPU_DETAILS,
    ),
    _task(
        "task_cpu_quota_seconds",
        _G,
        _S,
        "CPU time that the task may use in each enforcement period; absent when unlimited.",
        "v1: cpu.cfs_quota_us; v2: cpu.max, first number",
        needs=_SPEC,
    ),
    _task(
        "task_cpu_period_seconds",
        _G,
        _S,
        "Length of an enforcement period of the CPU quota.",
        "v1: cpu.cfs_period_us; v2: cpu.max, second number",
        needs=_SPEC,
    ),
    _task(
        "task_cpu_shares",
        _G,
        _N,
        "Weight of the task where CPUs are short, in shares from 2 to 262144.",
        "v1: cpu.shares; v2: cpu.weight from 1 to 10000, as cAdvisor converts it",
        needs=_SPEC,
    ),
    _psi("cpu", "some", "at least one thread of the task"),
    _psi("cpu", "full", "every thread of the task that was not idle"),
    _psi("memory", "some", "at least one thread of the task"),
    _psi("memory", "full", "every thread of the task that was not idle"),
    _psi("io", "some", "at least one thread of the task"),
    _psi("io", "full", "every thread of the task that was not idle"),
    _task(
        "task_psi_irq_full_seconds",
        _C,
        _S,
        "Time in which interrupts held up every thread of the task.",
        "v2 and hybrid: irq.pressure, full total",
        needs="kernel with PSI and IRQ_TIME_ACCOUNTING (Linux 6.1)",
    ),
)
