"""Events of Intel's server processors, by folder of tools/perf/pmu-events/arch/x86."""

from types import MappingProxyType

from wca.linux.perf.tables.entry import TableEvent

__all__ = ["INTEL"]

_UOPS = "counts micro-operations, not instructions"

_BROADWELL = {
    "task_stalled_mem_loads": TableEvent("CYCLE_ACTIVITY.STALLS_MEM_ANY", 0xA3, 0x06, 6),
    "task_offcore_requests_demand_data_rd": TableEvent(
        "OFFCORE_REQUESTS.DEMAND_DATA_RD", 0xB0, 0x01
    ),
    "task_offcore_requests_demand_rfo": TableEvent("OFFCORE_REQUESTS.DEMAND_RFO", 0xB0, 0x04),
    "task_mem_load_retired_local_dram": TableEvent(
        "MEM_LOAD_UOPS_L3_MISS_RETIRED.LOCAL_DRAM", 0xD3, 0x01, note=_UOPS
    ),
    "task_mem_inst_retired_loads": TableEvent("MEM_UOPS_RETIRED.ALL_LOADS", 0xD0, 0x81, note=_UOPS),
    "task_mem_inst_retired_stores": TableEvent(
        "MEM_UOPS_RETIRED.ALL_STORES", 0xD0, 0x82, note=_UOPS
    ),
}
_BROADWELL_SERVER = _BROADWELL | {
    "task_mem_load_retired_remote_dram": TableEvent(
        "MEM_LOAD_UOPS_L3_MISS_RETIRED.REMOTE_DRAM", 0xD3, 0x04, note=_UOPS
    ),
}

_L3_MISS = "task_offcore_requests_l3_miss_demand_data_rd"
_OUTSTANDING = "task_offcore_requests_outstanding_l3_miss_demand_data_rd"

_ICELAKE = {
    "task_stalled_mem_loads": TableEvent("CYCLE_ACTIVITY.STALLS_MEM_ANY", 0xA3, 0x14, 20),
    _L3_MISS: TableEvent("OFFCORE_REQUESTS.L3_MISS_DEMAND_DATA_RD", 0xB0, 0x10),
    "task_offcore_requests_demand_data_rd": TableEvent(
        "OFFCORE_REQUESTS.DEMAND_DATA_RD", 0xB0, 0x01
    ),
    "task_offcore_requests_demand_rfo": TableEvent("OFFCORE_REQUESTS.DEMAND_RFO", 0xB0, 0x04),
    "task_mem_inst_retired_loads": TableEvent("MEM_INST_RETIRED.ALL_LOADS", 0xD0, 0x81),
    "task_mem_inst_retired_stores": TableEvent("MEM_INST_RETIRED.ALL_STORES", 0xD0, 0x82),
}
_SKYLAKE = _ICELAKE | {
    _OUTSTANDING: TableEvent("OFFCORE_REQUESTS_OUTSTANDING.L3_MISS_DEMAND_DATA_RD", 0x60, 0x10),
}
_DRAM = {
    "task_mem_load_retired_local_dram": TableEvent(
        "MEM_LOAD_L3_MISS_RETIRED.LOCAL_DRAM", 0xD3, 0x01
    ),
    "task_mem_load_retired_remote_dram": TableEvent(
        "MEM_LOAD_L3_MISS_RETIRED.REMOTE_DRAM", 0xD3, 0x02
    ),
}
_PMM = {
    "task_mem_load_retired_local_pmm": TableEvent("MEM_LOAD_RETIRED.LOCAL_PMM", 0xD1, 0x80),
}

_GOLDEN_COVE = _DRAM | {
    "task_stalled_mem_loads": TableEvent("EXE_ACTIVITY.BOUND_ON_LOADS", 0xA6, 0x21, 5),
    _L3_MISS: TableEvent("OFFCORE_REQUESTS.L3_MISS_DEMAND_DATA_RD", 0x21, 0x10),
    "task_offcore_requests_demand_data_rd": TableEvent(
        "OFFCORE_REQUESTS.DEMAND_DATA_RD", 0x21, 0x01
    ),
    "task_offcore_requests_demand_rfo": TableEvent("OFFCORE_REQUESTS.DEMAND_RFO", 0x21, 0x04),
    _OUTSTANDING: TableEvent("OFFCORE_REQUESTS_OUTSTANDING.L3_MISS_DEMAND_DATA_RD", 0x20, 0x10),
    "task_mem_inst_retired_loads": TableEvent("MEM_INST_RETIRED.ALL_LOADS", 0xD0, 0x81),
    "task_mem_inst_retired_stores": TableEvent("MEM_INST_RETIRED.ALL_STORES", 0xD0, 0x82),
}

_SIERRA_FOREST = {
    "task_stalled_mem_loads": TableEvent(
        "MEM_BOUND_STALLS_LOAD.ALL",
        0x34,
        0x7F,
        note="counts cycles in which the oldest load waits for data that the level 1 cache lacks",
    ),
    "task_mem_load_retired_local_dram": TableEvent(
        "MEM_LOAD_UOPS_L3_MISS_RETIRED.LOCAL_DRAM", 0xD3, 0x01, note=_UOPS
    ),
    "task_mem_inst_retired_loads": TableEvent("MEM_UOPS_RETIRED.ALL_LOADS", 0xD0, 0x81, note=_UOPS),
    "task_mem_inst_retired_stores": TableEvent(
        "MEM_UOPS_RETIRED.ALL_STORES", 0xD0, 0x82, note=_UOPS
    ),
}

#: Events by metric, by folder.
INTEL = MappingProxyType(
    {
        "x86/broadwell": _BROADWELL,
        "x86/broadwellde": _BROADWELL_SERVER,
        "x86/broadwellx": _BROADWELL_SERVER,
        "x86/skylake": _SKYLAKE,
        "x86/skylakex": _SKYLAKE | _DRAM,
        "x86/cascadelakex": _SKYLAKE | _DRAM | _PMM,
        "x86/icelake": _ICELAKE,
        "x86/icelakex": _SKYLAKE | _DRAM | _PMM,
        "x86/sapphirerapids": _GOLDEN_COVE | _PMM,
        "x86/emeraldrapids": _GOLDEN_COVE,
        "x86/graniterapids": _GOLDEN_COVE,
        "x86/sierraforest": _SIERRA_FOREST,
    }
)
