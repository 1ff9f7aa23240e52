"""Catalogue entries of the memory of tasks. Data only."""

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["TASK_MEMORY_METRICS"]

_UNLIMITED = "absent when unlimited"
_SUMMED = ", a pod's summed with its containers'"
_DETAILS = "TaskMemoryCollector with details"
_EVENT_DETAILS = "TaskMemoryEventsCollector with details"


def _bytes(name: str, help_: str, source: str, needs: str = "") -> MetricMetadata:
    return MetricMetadata(
        name,
        MetricType.GAUGE,
        MetricUnit.BYTES,
        MetricGranularity.TASK,
        help_,
        source,
        needs=needs,
    )


def _count(name: str, help_: str, source: str, needs: str = "") -> MetricMetadata:
    return MetricMetadata(
        name,
        MetricType.COUNTER,
        MetricUnit.NUMERIC,
        MetricGranularity.TASK,
        help_,
        source,
        needs=needs,
    )


TASK_MEMORY_METRICS: tuple[MetricMetadata, ...] = (
    _bytes(
        "task_mem_usage_bytes",
        "Memory charged to the task, page cache included.",
        "v1: memory.usage_in_bytes; v2: memory.current",
    ),
    _bytes(
        "task_mem_max_usage_bytes",
        "Highest memory usage of the task so far.",
        "v1: memory.max_usage_in_bytes; v2: memory.peak (Linux 5.19)",
    ),
    _bytes(
        "task_mem_working_set_bytes",
        "Memory usage without the page cache that is reclaimed first; never below 0.",
        "task_mem_usage_bytes - task_mem_inactive_file_bytes",
    ),
    _bytes(
        "task_mem_anon_bytes",
        "Anonymous memory of the task, such as heaps and stacks, that is not in swap space.",
        "v1: memory.stat total_rss; v2: memory.stat anon",
    ),
    _bytes(
        "task_mem_file_bytes",
        "Page cache of the task, shared memory and tmpfs included.",
        "v1: memory.stat total_cache; v2: memory.stat file",
        _DETAILS,
    ),
    _bytes(
        "task_mem_mapped_file_bytes",
        "Page cache of the task that processes have mapped.",
        "v1: memory.stat total_mapped_file; v2: memory.stat file_mapped",
        _DETAILS,
    ),
    _bytes(
        "task_mem_active_file_bytes",
        "Page cache of the task that was used lately and is reclaimed last.",
        "v1: memory.stat total_active_file; v2: memory.stat active_file",
        _DETAILS,
    ),
    _bytes(
        "task_mem_inactive_file_bytes",
        "Page cache of the task that was not used lately and is reclaimed first.",
        "v1: memory.stat total_inactive_file; v2: memory.stat inactive_file",
    ),
    _bytes(
        "task_mem_swap_bytes",
        "Memory of the task that lies in swap space.",
        "v1: memory.stat total_swap; v2: memory.swap.current",
    ),
    _bytes(
        "task_mem_limit_bytes",
        f"Memory the task may use; {_UNLIMITED}.",
        "v1: memory.limit_in_bytes; v2: memory.max",
    ),
    _bytes(
        "task_mem_soft_limit_bytes",
        f"Memory above which the task is reclaimed first; {_UNLIMITED}.",
        "v1: memory.soft_limit_in_bytes; v2: memory.high",
    ),
    _count(
        "task_mem_page_faults",
        "Page faults of the task, minor and major.",
        "v1: memory.stat total_pgfault; v2: memory.stat pgfault",
    ),
    _count(
        "task_mem_major_page_faults",
        "Page faults of the task that needed a read from disk.",
        "v1: memory.stat total_pgmajfault; v2: memory.stat pgmajfault",
    ),
    _count(
        "task_mem_refaults_anon",
        "Pages of anonymous memory that were reclaimed and soon needed again.",
        "v1 (Linux 6): memory.stat total_workingset_refault_anon; "
        "v2 (Linux 5.9): memory.stat workingset_refault_anon",
    ),
    _count(
        "task_mem_refaults_file",
        "Pages of page cache that were reclaimed and soon needed again.",
        "v1 (Linux 6): memory.stat total_workingset_refault_file; "
        "v2 (Linux 5.9): memory.stat workingset_refault_file",
    ),
    _count(
        "task_mem_activations_anon",
        "Refaulted pages of anonymous memory that were taken for active at once.",
        "v2 (Linux 5.9): memory.stat workingset_activate_anon",
        _DETAILS,
    ),
    _count(
        "task_mem_activations_file",
        "Refaulted pages of page cache that were taken for active at once.",
        "v2 (Linux 5.9): memory.stat workingset_activate_file",
        _DETAILS,
    ),
    MetricMetadata(
        "task_mem_numa_pages",
        MetricType.GAUGE,
        MetricUnit.NUMERIC,
        MetricGranularity.TASK,
        "Pages of the task on each NUMA node.",
        "v1: memory.numa_stat hierarchical_total; v2: memory.numa_stat anon + file, in pages",
        levels=("numa_node",),
    ),
    _count(
        "task_mem_limit_hits",
        "How often the task's memory reached its limit and something had to be reclaimed.",
        f"v1: memory.failcnt{_SUMMED}; v2: memory.events max",
    ),
    _count(
        "task_mem_soft_limit_hits",
        "How often the task's processes were slowed down above the soft limit.",
        "v2: memory.events high",
    ),
    _count(
        "task_mem_oom_kills",
        "Processes of the task that were killed for want of memory.",
        f"v1: memory.oom_control oom_kill{_SUMMED}; v2: memory.events oom_kill",
    ),
    _count(
        "task_mem_ooms",
        "How often an allocation of the task was about to fail at its limit.",
        "v2: memory.events oom",
        _EVENT_DETAILS,
    ),
    _count(
        "task_mem_oom_group_kills",
        "How often the whole group was killed for want of memory.",
        "v2: memory.events oom_group_kill (Linux 5.17)",
        _EVENT_DETAILS,
    ),
)
