"""Events of AMD's Zen processors, by folder of tools/perf/pmu-events/arch/x86."""

from types import MappingProxyType

from wca.linux.perf.tables.entry import TableEvent

__all__ = ["AMD"]

_FILLS = "counts demand fills of the level 1 data cache, not retired loads"
_DISPATCHED = "counts operations that were dispatched, not retired"

_DISPATCH = {
    "task_mem_inst_retired_loads": TableEvent(
        "LS_DISPATCH.LD_DISPATCH", 0x29, 0x01, note=_DISPATCHED
    ),
    "task_mem_inst_retired_stores": TableEvent(
        "LS_DISPATCH.STORE_DISPATCH", 0x29, 0x02, note=_DISPATCHED
    ),
}
_ZEN2 = _DISPATCH | {
    "task_mem_load_retired_local_dram": TableEvent(
        "LS_REFILLS_FROM_SYS.LS_MABRESP_LCL_DRAM", 0x43, 0x08, note=_FILLS
    ),
    "task_mem_load_retired_remote_dram": TableEvent(
        "LS_REFILLS_FROM_SYS.LS_MABRESP_RMT_DRAM", 0x43, 0x40, note=_FILLS
    ),
}
_ZEN3 = _ZEN2 | {
    "task_mem_load_retired_local_dram": TableEvent(
        "LS_DMND_FILLS_FROM_SYS.MEM_IO_LOCAL", 0x43, 0x08, note=_FILLS
    ),
    "task_mem_load_retired_remote_dram": TableEvent(
        "LS_DMND_FILLS_FROM_SYS.MEM_IO_REMOTE", 0x43, 0x40, note=_FILLS
    ),
}
_ZEN4 = _DISPATCH | {
    "task_stalled_mem_loads": TableEvent(
        "EX_NO_RETIRE.LOAD_NOT_COMPLETE",
        0xD6,
        0xA2,
        note="counts cycles without retirement, because the oldest operation waits for a load",
    ),
    "task_mem_load_retired_local_dram": TableEvent(
        "LS_DMND_FILLS_FROM_SYS.DRAM_IO_NEAR", 0x43, 0x08, note=_FILLS
    ),
    "task_mem_load_retired_remote_dram": TableEvent(
        "LS_DMND_FILLS_FROM_SYS.DRAM_IO_FAR", 0x43, 0x40, note=_FILLS
    ),
}

#: Events by metric, by folder.
AMD = MappingProxyType(
    {
        "x86/amdzen2": _ZEN2,
        "x86/amdzen3": _ZEN3,
        "x86/amdzen4": _ZEN4,
        "x86/amdzen5": _ZEN4,
    }
)
