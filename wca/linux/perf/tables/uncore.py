"""Events outside of the CPUs by metric, by folder of tools/perf/pmu-events/arch.

Sources: the files uncore-*.json of Intel, memory-controller.json, data-fabric.json and the events
of L3PMC of AMD. Memory controllers with several channels in one box have an event for each of
them, which are added up.
"""

from collections.abc import Mapping
from types import MappingProxyType

from wca.linux.perf.tables.entry import Uncore, UncoreEvent

__all__ = ["UNCORE"]


def _event(source: str, event: int, umask: int = 0) -> UncoreEvent:
    return UncoreEvent(source, {"event": event, "umask": umask} if umask else {"event": event})


def _imc(*events: UncoreEvent) -> Uncore:
    return Uncore("uncore_imc", events)


def _umc(source: str, event: int, rdwrmask: int = 0) -> Uncore:
    terms = {"event": event, "rdwrmask": rdwrmask} if rdwrmask else {"event": event}
    return Uncore("amd_umc", (UncoreEvent(source, terms),))


_READS, _WRITES = "platform_cas_count_reads", "platform_cas_count_writes"
_OCCUPANCY, _INSERTS = "platform_rpq_occupancy", "platform_rpq_inserts"
_CLOCK = "platform_imc_clockticks"
_L3_ACCESSES, _L3_MISSES = "platform_l3_accesses", "platform_l3_misses"
_DF_DRAM = "platform_df_dram_transfers"

_UPI = {
    "platform_upi_rxl_flits": Uncore(
        "uncore_upi", (_event("UNC_UPI_RXL_FLITS.ALL_DATA", 0x03, 0x0F),)
    ),
    "platform_upi_txl_flits": Uncore(
        "uncore_upi", (_event("UNC_UPI_TXL_FLITS.ALL_DATA", 0x02, 0x0F),)
    ),
}
_PMM = {
    "platform_pmm_bandwidth_reads": _imc(_event("UNC_M_PMM_RPQ_INSERTS", 0xE3)),
    "platform_pmm_bandwidth_writes": _imc(_event("UNC_M_PMM_WPQ_INSERTS", 0xE7)),
}

_BROADWELL = {
    _READS: _imc(_event("UNC_M_CAS_COUNT.RD", 0x04, 0x03)),
    _WRITES: _imc(_event("UNC_M_CAS_COUNT.WR", 0x04, 0x0C)),
    _INSERTS: _imc(_event("UNC_M_RPQ_INSERTS", 0x10)),
    _CLOCK: _imc(_event("UNC_M_CLOCKTICKS_P", 0x00)),
}
_SKYLAKE = _UPI | {
    _READS: _imc(_event("UNC_M_CAS_COUNT.RD", 0x04, 0x03)),
    _WRITES: _imc(_event("UNC_M_CAS_COUNT.WR", 0x04, 0x0C)),
    _OCCUPANCY: _imc(_event("UNC_M_RPQ_OCCUPANCY", 0x80)),
    _INSERTS: _imc(_event("UNC_M_RPQ_INSERTS", 0x10)),
    _CLOCK: _imc(_event("UNC_M_CLOCKTICKS", 0x00)),
}
_TWO_PSEUDO_CHANNELS = {
    _OCCUPANCY: _imc(
        _event("UNC_M_RPQ_OCCUPANCY_PCH0", 0x80), _event("UNC_M_RPQ_OCCUPANCY_PCH1", 0x81)
    ),
    _INSERTS: _imc(
        _event("UNC_M_RPQ_INSERTS.PCH0", 0x10, 0x01), _event("UNC_M_RPQ_INSERTS.PCH1", 0x10, 0x02)
    ),
}
_ICELAKE = (
    _UPI
    | _PMM
    | _TWO_PSEUDO_CHANNELS
    | {
        _READS: _imc(_event("UNC_M_CAS_COUNT.RD", 0x04, 0x0F)),
        _WRITES: _imc(_event("UNC_M_CAS_COUNT.WR", 0x04, 0x30)),
        _CLOCK: _imc(_event("UNC_M_CLOCKTICKS", 0x00)),
    }
)
_SAPPHIRE_RAPIDS = (
    _UPI
    | _PMM
    | _TWO_PSEUDO_CHANNELS
    | {
        _READS: _imc(_event("UNC_M_CAS_COUNT.RD", 0x05, 0xCF)),
        _WRITES: _imc(_event("UNC_M_CAS_COUNT.WR", 0x05, 0xF0)),
        _CLOCK: _imc(_event("UNC_M_CLOCKTICKS", 0x01, 0x01)),
    }
)
_GRANITE_RAPIDS = _UPI | {
    _READS: _imc(
        _event("UNC_M_CAS_COUNT_SCH0.RD", 0x05, 0xCF), _event("UNC_M_CAS_COUNT_SCH1.RD", 0x06, 0xCF)
    ),
    _WRITES: _imc(
        _event("UNC_M_CAS_COUNT_SCH0.WR", 0x05, 0xF0), _event("UNC_M_CAS_COUNT_SCH1.WR", 0x06, 0xF0)
    ),
    _OCCUPANCY: _imc(
        _event("UNC_M_RPQ_OCCUPANCY_SCH0_PCH0", 0x80),
        _event("UNC_M_RPQ_OCCUPANCY_SCH0_PCH1", 0x81),
        _event("UNC_M_RPQ_OCCUPANCY_SCH1_PCH0", 0x82),
        _event("UNC_M_RPQ_OCCUPANCY_SCH1_PCH1", 0x83),
    ),
    _INSERTS: _imc(
        _event("UNC_M_RPQ_INSERTS.PCH0", 0x10, 0x50), _event("UNC_M_RPQ_INSERTS.PCH1", 0x10, 0xA0)
    ),
    _CLOCK: _imc(_event("UNC_M_CLOCKTICKS", 0x01, 0x01)),
}


def _amd_l3(accesses: str, misses: str) -> dict[str, Uncore]:
    return {
        _L3_ACCESSES: Uncore("amd_l3", (_event(accesses, 0x04, 0xFF),)),
        _L3_MISSES: Uncore("amd_l3", (_event(misses, 0x04, 0x01),)),
    }


_DF_CHANNELS = {
    _DF_DRAM: Uncore(
        "amd_df",
        tuple(
            _event(f"DRAM_CHANNEL_DATA_CONTROLLER_{channel}", 0x07 + 0x40 * channel, 0x38)
            for channel in range(8)
        ),
    ),
}
_ZEN4 = _amd_l3("L3_LOOKUP_STATE.ALL_COHERENT_ACCESSES_TO_L3", "L3_LOOKUP_STATE.L3_MISS") | {
    _READS: _umc("UMC_CAS_CMD.RD", 0x0A, 0x1),
    _WRITES: _umc("UMC_CAS_CMD.WR", 0x0A, 0x2),
    _CLOCK: _umc("UMC_MEM_CLK", 0x00),
}

#: What is counted by metric, by folder.
UNCORE: Mapping[str, Mapping[str, Uncore]] = MappingProxyType(
    {
        "x86/broadwellde": _BROADWELL | {_CLOCK: _imc(_event("UNC_M_DCLOCKTICKS", 0x00))},
        "x86/broadwellx": _BROADWELL,
        "x86/skylakex": _SKYLAKE,
        "x86/cascadelakex": _SKYLAKE | _PMM,
        "x86/icelakex": _ICELAKE,
        "x86/sapphirerapids": _SAPPHIRE_RAPIDS,
        "x86/emeraldrapids": _SAPPHIRE_RAPIDS,
        "x86/graniterapids": _GRANITE_RAPIDS,
        "x86/sierraforest": _GRANITE_RAPIDS,
        "x86/amdzen2": _amd_l3("L3_ACCESSES", "L3_MISSES") | _DF_CHANNELS,
        "x86/amdzen3": _amd_l3("L3_CACHE_ACCESSES", "L3_MISSES") | _DF_CHANNELS,
        "x86/amdzen4": _ZEN4,
        "x86/amdzen5": _ZEN4,
    }
)
