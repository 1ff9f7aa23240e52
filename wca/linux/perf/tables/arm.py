"""Events of Arm's Neoverse processors, by folder of tools/perf/pmu-events/arch/arm64.

The numbers of the events stand in common-and-microarch.json and recommended.json, in arm64.
"""

from types import MappingProxyType

from wca.linux.perf.tables.entry import TableEvent

__all__ = ["ARM"]

_SPECULATIVE = "counts operations that were executed, not retired"

_NEOVERSE_N1 = {
    "task_offcore_requests_l3_miss_demand_data_rd": TableEvent(
        "LL_CACHE_MISS_RD",
        0x37,
        note="counts speculative reads too",
    ),
    "task_mem_load_retired_remote_dram": TableEvent(
        "REMOTE_ACCESS", 0x31, note="counts accesses to another socket, to its caches too"
    ),
    "task_mem_inst_retired_loads": TableEvent("LD_SPEC", 0x70, note=_SPECULATIVE),
    "task_mem_inst_retired_stores": TableEvent("ST_SPEC", 0x71, note=_SPECULATIVE),
}
_NEOVERSE_V1 = _NEOVERSE_N1 | {
    "task_stalled_mem_loads": TableEvent(
        "STALL_BACKEND_MEM",
        0x4005,
        note="counts cycles in which nothing is issued, because of the memory system",
    ),
}

#: Events by metric, by folder.
ARM = MappingProxyType(
    {
        "arm64/arm/neoverse-n1": _NEOVERSE_N1,
        "arm64/arm/neoverse-v1": _NEOVERSE_V1,
        "arm64/arm/neoverse-n2-v2": _NEOVERSE_V1,
    }
)
