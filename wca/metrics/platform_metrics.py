"""Catalogue entries of the machine. Data only."""

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["PLATFORM_METRICS"]

_C, _G = MetricType.COUNTER, MetricType.GAUGE
_B, _N, _S = MetricUnit.BYTES, MetricUnit.NUMERIC, MetricUnit.SECONDS
_SOME = "at least one thread of the machine"
_FULL = "every thread of the machine that was not idle"


def _platform(
    name: str,
    type_: MetricType,
    unit: MetricUnit,
    help_: str,
    source: str,
    *,
    levels: tuple[str, ...] = (),
    needs: str = "",
) -> MetricMetadata:
    return MetricMetadata(
        name, type_, unit, MetricGranularity.PLATFORM, help_, source, levels, needs
    )


def _vmstat(name: str, key: str, help_: str) -> MetricMetadata:
    return _platform(f"platform_vmstat_{name}", _C, _N, help_, f"/proc/vmstat {key}")


def _psi(resource: str, kind: str, stalled: str) -> MetricMetadata:
    return _platform(
        f"platform_psi_{resource}_{kind}_seconds",
        _C,
        _S,
        f"Time in which {stalled} waited for {resource}.",
        f"/proc/pressure/{resource} {kind} total",
        needs="kernel with PSI",
    )


PLATFORM_METRICS: tuple[MetricMetadata, ...] = (
    _platform("platform_ended_tasks", _C, _N, "Tasks that have ended while measured.", "internal"),
    _platform(
        "platform_ended_tasks_cpu_seconds",
        _C,
        _S,
        "CPU time of the tasks that have ended, as their last samples said.",
        "task_cpu_usage_seconds",
    ),
    _platform(
        "platform_ended_tasks_oom_kills",
        _C,
        _N,
        "OOM kills in the tasks that have ended, as their last samples said.",
        "task_mem_oom_kills",
    ),
    _platform("platform_topology_sockets", _G, _N, "CPU sockets.", "sysfs topology"),
    _platform("platform_topology_cores", _G, _N, "Physical cores.", "sysfs topology"),
    _platform("platform_topology_cpus", _G, _N, "Logical CPUs that are online.", "sysfs topology"),
    _platform(
        "cpu_usage_per_cpu",
        _C,
        MetricUnit.TICKS,
        "Busy time of each CPU in clock ticks: user, nice, system, irq, softirq and steal.",
        "/proc/stat",
        levels=("cpu",),
    ),
    _platform(
        "platform_cpu_seconds",
        _C,
        _S,
        "Time of each CPU in each mode; machines with more than 16 CPUs have the sum, cpu=all.",
        "/proc/stat",
        levels=("cpu", "mode"),
    ),
    _platform(
        "memory_usage",
        _G,
        _B,
        "Memory in use: total without free, buffers and page cache.",
        "/proc/meminfo MemTotal - MemFree - Buffers - Cached",
    ),
    _platform("platform_mem_total_bytes", _G, _B, "Memory of the machine.", "/proc/meminfo"),
    _platform(
        "platform_mem_available_bytes",
        _G,
        _B,
        "Memory that can be had without swapping, as the kernel estimates it.",
        "/proc/meminfo MemAvailable",
    ),
    _platform(
        "platform_swap_total_bytes",
        _G,
        _B,
        "Swap space of the machine; 0 without any.",
        "/proc/meminfo SwapTotal",
    ),
    _platform(
        "platform_swap_free_bytes",
        _G,
        _B,
        "Swap space that is not in use.",
        "/proc/meminfo SwapFree",
    ),
    _platform(
        "platform_mem_numa_free_bytes",
        _G,
        _B,
        "Free memory of each NUMA node.",
        "/sys/devices/system/node/node*/meminfo MemFree",
        levels=("numa_node",),
    ),
    _platform(
        "platform_mem_numa_used_bytes",
        _G,
        _B,
        "Used memory of each NUMA node.",
        "/sys/devices/system/node/node*/meminfo MemUsed",
        levels=("numa_node",),
    ),
    _vmstat("numa_pages_migrated", "numa_pages_migrated", "Pages moved by NUMA balancing."),
    _vmstat("pgmigrate_success", "pgmigrate_success", "Pages moved between nodes."),
    _vmstat("pgmigrate_fail", "pgmigrate_fail", "Pages that could not be moved between nodes."),
    _vmstat("numa_hint_faults", "numa_hint_faults", "Faults taken by NUMA balancing."),
    _vmstat(
        "numa_hint_faults_local",
        "numa_hint_faults_local",
        "Faults taken by NUMA balancing on pages that were local.",
    ),
    _vmstat("pgfaults", "pgfault", "Page faults, minor and major."),
    _platform(
        "platform_vmstat",
        _G,
        _N,
        "Number of /proc/vmstat by key: a level such as nr_free_pages, or a count that only grows.",
        "/proc/vmstat",
        levels=("key",),
        needs="vmstat",
    ),
    _platform(
        "platform_node_vmstat",
        _G,
        _N,
        "Number of vmstat of each NUMA node by key: a level, or a count that only grows.",
        "/sys/devices/system/node/node*/vmstat",
        levels=("numa_node", "key"),
        needs="vmstat",
    ),
    _platform(
        "platform_zoneinfo",
        _G,
        _N,
        "Number of each memory zone by key, mostly in pages: a level, or a count that only grows.",
        "/proc/zoneinfo",
        levels=("numa_node", "zone", "key"),
        needs="zoneinfo",
    ),
    _psi("cpu", "some", _SOME),
    _psi("memory", "some", _SOME),
    _psi("memory", "full", _FULL),
    _psi("io", "some", _SOME),
    _psi("io", "full", _FULL),
    _platform(
        "platform_psi_irq_full_seconds",
        _C,
        _S,
        "Time that interrupts took from the threads of the machine.",
        "/proc/pressure/irq full total",
        needs="kernel with PSI and IRQ_TIME_ACCOUNTING (Linux 6.1)",
    ),
    _platform(
        "platform_last_seen",
        _G,
        MetricUnit.TIMESTAMP,
        "Unix time of the last measurement of the machine.",
        "internal",
    ),
)
