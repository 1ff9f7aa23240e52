"""Catalogue entries of the machine's memory modules. Data only."""

from wca.metrics.cached import READ_ONCE
from wca.metrics.metadata import MetricMetadata
from wca.metrics.metric import MetricGranularity, MetricType, MetricUnit

__all__ = ["MEMORY_HARDWARE_METRICS"]

_PLATFORM = MetricGranularity.PLATFORM
_NEEDS = "dmidecode and root"
_OPTANE = "ipmctl and root"

MEMORY_HARDWARE_METRICS: tuple[MetricMetadata, ...] = (
    MetricMetadata(
        "platform_dimm_count",
        MetricType.GAUGE,
        MetricUnit.NUMERIC,
        _PLATFORM,
        f"Memory modules, by ram, nvm (persistent), hbm and cxl. {READ_ONCE}",
        "dmidecode -t memory",
        ("dimm_type",),
        _NEEDS,
    ),
    MetricMetadata(
        "platform_dimm_total_size_bytes",
        MetricType.GAUGE,
        MetricUnit.BYTES,
        _PLATFORM,
        f"Size of the memory modules of each type. {READ_ONCE}",
        "dmidecode -t memory, Size",
        ("dimm_type",),
        _NEEDS,
    ),
    MetricMetadata(
        "platform_dimm_speed_bytes_per_second",
        MetricType.GAUGE,
        MetricUnit.BYTES_PER_SECOND,
        _PLATFORM,
        "What the interfaces of all modules of type ram can carry together, in bytes per second; "
        f"modules on one channel share it. {READ_ONCE}",
        "dmidecode -t memory, Configured Memory Speed times Data Width",
        needs=_NEEDS,
    ),
    *(
        MetricMetadata(
            name, MetricType.GAUGE, unit, _PLATFORM, help_, f"ipmctl show {source}", levels, _OPTANE
        )
        for name, unit, help_, source, levels in (
            (
                "platform_mem_mode_size_bytes",
                MetricUnit.BYTES,
                "Optane persistent memory that serves as main memory (Memory Mode).",
                "-memoryresources",
                (),
            ),
            (
                "platform_capacity_per_nvdimm_bytes",
                MetricUnit.BYTES,
                "Capacity of one Optane module, where all have the same.",
                "-dimm",
                (),
            ),
            (
                "platform_avg_power_per_nvdimm_watts",
                MetricUnit.WATTS,
                "Average power that one Optane module may use, where all have the same.",
                "-dimm",
                (),
            ),
            (
                "platform_nvdimm_read_bandwidth_bytes_per_second",
                MetricUnit.BYTES_PER_SECOND,
                "What the Optane modules of a socket can read at most, by size and power budget.",
                "-dimm, -region",
                ("socket",),
            ),
            (
                "platform_nvdimm_write_bandwidth_bytes_per_second",
                MetricUnit.BYTES_PER_SECOND,
                "What the Optane modules of a socket can write at most, by size and power budget.",
                "-dimm, -region",
                ("socket",),
            ),
        )
    ),
)
