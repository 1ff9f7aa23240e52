"""Catalogue entries of what is counted outside of the CPUs. Data only."""

from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["UNCORE_METRICS", "uncore_entry"]

_LEVELS = ("socket", "pmu_type")
_RATE = MetricUnit.BYTES_PER_SECOND


def uncore_entry(name: str, help_: str, source: str) -> MetricMetadata:
    """The entry of an event: a counter of each PMU of each socket."""
    return MetricMetadata(
        name,
        MetricType.COUNTER,
        MetricUnit.NUMERIC,
        MetricGranularity.PLATFORM,
        help_,
        source,
        _LEVELS,
        needs="uncore_event_names",
    )


def _derived(
    name: str,
    help_: str,
    events: str,
    *,
    unit: MetricUnit = _RATE,
    levels: tuple[str, ...] = _LEVELS,
) -> MetricMetadata:
    return MetricMetadata(
        name,
        MetricType.GAUGE,
        unit,
        MetricGranularity.PLATFORM,
        f"{help_} since the last reading; absent when undefined.",
        f"derived: {events}",
        levels,
        needs="uncore_event_names, enable_derived_metrics",
    )


_CAS = "platform_cas_count_reads, platform_cas_count_writes"
_PMM = "platform_pmm_bandwidth_reads, platform_pmm_bandwidth_writes"

_EVENTS = (
    ("platform_pmm_bandwidth_reads", "Reads from persistent memory, 64 bytes each.", "uncore_imc"),
    ("platform_pmm_bandwidth_writes", "Writes to persistent memory, 64 bytes each.", "uncore_imc"),
    ("platform_cas_count_reads", "Reads from DRAM, 64 bytes each.", "uncore_imc, amd_umc"),
    ("platform_cas_count_writes", "Writes to DRAM, 64 bytes each.", "uncore_imc, amd_umc"),
    ("platform_upi_rxl_flits", "Data flits received from other sockets.", "uncore_upi"),
    ("platform_upi_txl_flits", "Data flits sent to other sockets.", "uncore_upi"),
    (
        "platform_rpq_occupancy",
        "Reads that waited in the memory controllers' queues, added up over their clock ticks.",
        "uncore_imc",
    ),
    ("platform_rpq_inserts", "Reads that entered the memory controllers' queues.", "uncore_imc"),
    ("platform_imc_clockticks", "Clock ticks of the memory controller.", "uncore_imc, amd_umc"),
    ("platform_l3_accesses", "Requests to the level 3 caches.", "amd_l3"),
    ("platform_l3_misses", "Requests that missed the level 3 caches.", "amd_l3"),
    (
        "platform_df_dram_transfers",
        "Reads and writes between a die and its DRAM, 64 bytes each.",
        "amd_df",
    ),
)

UNCORE_METRICS: tuple[MetricMetadata, ...] = (
    *(uncore_entry(name, help_, f"perf: {pmu}") for name, help_, pmu in _EVENTS),
    _derived(
        "platform_rpq_read_latency_seconds",
        "Mean time that a read waits in the queue of its memory controller",
        "platform_rpq_occupancy, platform_rpq_inserts, platform_imc_clockticks",
        unit=MetricUnit.SECONDS,
        levels=("socket",),
    ),
    _derived(
        "platform_pmm_reads_bytes_per_second",
        "Bytes read from persistent memory per second",
        "platform_pmm_bandwidth_reads",
    ),
    _derived(
        "platform_pmm_writes_bytes_per_second",
        "Bytes written to persistent memory per second",
        "platform_pmm_bandwidth_writes",
    ),
    _derived(
        "platform_pmm_total_bytes_per_second",
        "Bytes read from and written to persistent memory per second",
        _PMM,
    ),
    _derived(
        "platform_dram_reads_bytes_per_second",
        "Bytes read from DRAM per second",
        "platform_cas_count_reads",
    ),
    _derived(
        "platform_dram_writes_bytes_per_second",
        "Bytes written to DRAM per second",
        "platform_cas_count_writes",
    ),
    _derived(
        "platform_dram_total_bytes_per_second",
        "Bytes read from and written to DRAM per second",
        f"{_CAS}; or platform_df_dram_transfers",
    ),
    _derived(
        "platform_dram_hit_ratio",
        "Share of DRAM in the traffic of DRAM and persistent memory",
        f"{_CAS}, {_PMM}",
        unit=MetricUnit.NUMERIC,
    ),
    _derived(
        "platform_upi_bandwidth_bytes_per_second",
        "Bytes of data received from and sent to other sockets per second",
        "platform_upi_rxl_flits, platform_upi_txl_flits",
    ),
    MetricMetadata(
        "platform_scaling_uncore_factor",
        MetricType.GAUGE,
        MetricUnit.NUMERIC,
        MetricGranularity.PLATFORM,
        "Mean factor by which events outside of the CPUs were scaled since the last reading; "
        "1 is exact.",
        "perf: time enabled by time running, over groups of events",
        _LEVELS,
        needs="uncore_event_names",
    ),
)
