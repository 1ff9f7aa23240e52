"""What cAdvisor calls the metrics that mean the same there. Data only.

Source: metrics/prometheus.go and metrics/prometheus_machine.go of cAdvisor as of 2026, and what it
reads from the kernel. What cAdvisor does not have, or means otherwise, is not here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["CADVISOR_NAMES", "CadvisorName"]


@dataclass(frozen=True, slots=True)
class CadvisorName:
    """A metric as cAdvisor has it.

    Args:
        name: what it is called.
        labels: labels of its own and their values.
        levels: our label that tells series apart to its label, and the format of the value.
        typed: whether the type is ours. cAdvisor has counters without ``_total``; left untyped,
            no format gives them the suffix.
        total_of: our metric whose series together are this number, by a level: where it is in the
            same batch, it has the name, and this metric stays under that of Prometheus.
        help: of a family that several metrics of ours make up; None: the same as ours.
        parts: how many of cAdvisor's units make one of ours; its values are whole ones then.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    typed: bool = True
    total_of: str | None = None
    help: str | None = None
    parts: float = 1


_SAME = {
    "task_last_seen": "container_last_seen",
    "task_started": "container_start_time_seconds",
    "task_cpu_user_seconds": "container_cpu_user_seconds_total",
    "task_cpu_system_seconds": "container_cpu_system_seconds_total",
    "task_cpu_periods": "container_cpu_cfs_periods_total",
    "task_cpu_throttled_periods": "container_cpu_cfs_throttled_periods_total",
    "task_cpu_throttled_seconds": "container_cpu_cfs_throttled_seconds_total",
    "task_cpu_shares": "container_spec_cpu_shares",
    "task_cpu_bursts": "container_cpu_cfs_burst_periods_total",
    "task_cpu_burst_seconds": "container_cpu_cfs_burst_seconds_total",
    "task_run_queue_delay_seconds": "container_cpu_schedstat_runqueue_seconds_total",
    "task_run_queue_timeslices": "container_cpu_schedstat_run_periods_total",
    "task_mem_usage_bytes": "container_memory_usage_bytes",
    "task_mem_max_usage_bytes": "container_memory_max_usage_bytes",
    "task_mem_working_set_bytes": "container_memory_working_set_bytes",
    "task_mem_anon_bytes": "container_memory_rss",
    "task_mem_file_bytes": "container_memory_cache",
    "task_mem_mapped_file_bytes": "container_memory_mapped_file",
    "task_mem_active_file_bytes": "container_memory_total_active_file_bytes",
    "task_mem_inactive_file_bytes": "container_memory_total_inactive_file_bytes",
    "task_mem_swap_bytes": "container_memory_swap",
    "task_mem_limit_bytes": "container_spec_memory_limit_bytes",
    "task_mem_soft_limit_hits": "container_memory_events_high_total",
    "task_mem_oom_kills": "container_oom_events_total",
    "task_mem_refaults_anon": "container_memory_workingset_refault_anon_total",
    "task_mem_refaults_file": "container_memory_workingset_refault_file_total",
    "task_wss_referenced_bytes": "container_referenced_bytes",
    "task_llc_occupancy_bytes": "container_llc_occupancy_bytes",
    "task_pids": "container_threads",
    "task_pids_limit": "container_threads_max",
    "platform_topology_sockets": "machine_cpu_sockets",
    "platform_topology_cores": "machine_cpu_physical_cores",
    "platform_topology_cpus": "machine_cpu_cores",
    "platform_mem_total_bytes": "machine_memory_bytes",
}
_UNTYPED = {
    "task_mem_limit_hits": "container_memory_failcnt",
    "task_mem_bandwidth_bytes": "container_memory_bandwidth_bytes",
    "task_mem_bandwidth_local_bytes": "container_memory_bandwidth_local_bytes",
}
_IO = {
    "read_bytes": "container_fs_reads_bytes_total",
    "written_bytes": "container_fs_writes_bytes_total",
    "reads": "container_fs_reads_total",
    "writes": "container_fs_writes_total",
}
_NETWORK = {
    f"{way}_{ours}": f"container_network_{way}_{theirs}_total"
    for way in ("receive", "transmit")
    for ours, theirs in (
        ("bytes", "bytes"),
        ("packets", "packets"),
        ("errors", "errors"),
        ("drops", "packets_dropped"),
    )
}
_EVENTS = {
    "task_cycles": "cycles",
    "task_instructions": "instructions",
    "task_cache_references": "cache-references",
    "task_cache_misses": "cache-misses",
    "task_branches": "branches",
    "task_branch_misses": "branch-misses",
    "task_bus_cycles": "bus-cycles",
    "task_stalled_cycles_frontend": "stalled-cycles-frontend",
    "task_stalled_cycles_backend": "stalled-cycles-backend",
    "task_reference_cycles": "ref-cycles",
}
#: Linux counts a task as waiting when some of its threads wait, as stalled when all do.
_PSI = {"some": "waiting", "full": "stalled"}
_MACHINE = {"id": "/"}


def _by_device(
    prefix: str, names: Mapping[str, str], label: str, value: str
) -> Iterator[tuple[str, CadvisorName]]:
    """Numbers of each device and their sums, which have a name in cAdvisor only by device."""
    for ours, theirs in names.items():
        each = f"{prefix}_device_{ours}"
        yield each, CadvisorName(theirs, levels={"device": (label, value)})
        yield f"{prefix}_{ours}", CadvisorName(theirs, total_of=each)


def _pressure() -> Iterator[tuple[str, CadvisorName]]:
    for resource in ("cpu", "memory", "io"):
        for ours, theirs in _PSI.items():
            name = f"container_pressure_{resource}_{theirs}_seconds_total"
            yield f"task_psi_{resource}_{ours}_seconds", CadvisorName(name)
            if (resource, ours) != ("cpu", "full"):  # not defined for a machine
                yield f"platform_psi_{resource}_{ours}_seconds", CadvisorName(name, _MACHINE)


def _others() -> Iterator[tuple[str, CadvisorName]]:
    cpu = "container_cpu_usage_seconds_total"
    yield "task_cpu_usage_seconds", CadvisorName(cpu, {"cpu": "total"})
    # On cgroup v2 the kernel makes the numbers of the root group of the same times.
    yield "cpu_usage_per_cpu", CadvisorName(cpu, _MACHINE, {"cpu": ("cpu", "cpu{:0>2}")})
    for ours in ("quota", "period"):  # in microseconds
        yield f"task_cpu_{ours}_seconds", CadvisorName(f"container_spec_cpu_{ours}", parts=1e6)
    dimm = {"dimm_type": ("type", "{}")}
    yield "platform_dimm_count", CadvisorName("machine_dimm_count", levels=dimm)
    yield "platform_dimm_total_size_bytes", CadvisorName("machine_dimm_capacity_bytes", levels=dimm)
    for ours, kind in (
        ("task_mem_page_faults", "pgfault"),
        ("task_mem_major_page_faults", "pgmajfault"),
    ):
        yield (
            ours,
            CadvisorName(
                "container_memory_failures_total",
                {"failure_type": kind, "scope": "hierarchy"},
                help="Page faults by kind: all of them, and those that needed a read from disk.",
            ),
        )
    for ours, event in _EVENTS.items():
        yield (
            ours,
            CadvisorName(
                "container_perf_events_total",
                {"event": event},
                help="Perf events, scaled to the time in which the task ran, by event.",
            ),
        )


#: cAdvisor's name by ours. A ``container_*`` twin has that of its ``task_*`` metric.
CADVISOR_NAMES = MappingProxyType(
    {
        **{ours: CadvisorName(theirs) for ours, theirs in _SAME.items()},
        **{ours: CadvisorName(theirs, typed=False) for ours, theirs in _UNTYPED.items()},
        **dict(_by_device("task_io", _IO, "device", "/dev/{}")),
        **dict(_by_device("task_network", _NETWORK, "interface", "{}")),
        **dict(_pressure()),
        **dict(_others()),
    }
)
