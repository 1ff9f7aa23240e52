"""Bandwidths, ratios and latencies that follow from the rates of uncore counters."""

from collections.abc import Callable, Mapping

from wca.metrics.metric import Measurements

__all__ = ["DERIVED_FROM", "derived_uncore"]

# Bytes of one transfer of memory, and data flits that carry them over a link between sockets
# (Intel: 9 flits for a cache line, the scale of UPI_DATA_BANDWIDTH_TX in tools/perf/pmu-events).
_LINE = 64
_FLITS_OF_LINE = 9

_OCCUPANCY, _INSERTS = "platform_rpq_occupancy", "platform_rpq_inserts"
_CLOCK = "platform_imc_clockticks"
_BYTES = {
    "platform_pmm_reads_bytes_per_second": "platform_pmm_bandwidth_reads",
    "platform_pmm_writes_bytes_per_second": "platform_pmm_bandwidth_writes",
    "platform_dram_reads_bytes_per_second": "platform_cas_count_reads",
    "platform_dram_writes_bytes_per_second": "platform_cas_count_writes",
}
_DF_DRAM = "platform_df_dram_transfers"
_RECEIVED, _SENT = "platform_upi_rxl_flits", "platform_upi_txl_flits"

#: The counters that something is derived from.
DERIVED_FROM = (*_BYTES.values(), _DF_DRAM, _RECEIVED, _SENT, _OCCUPANCY, _INSERTS, _CLOCK)

#: Numbers by socket, by PMU.
_Leveled = dict[str, dict[str, float]]


def derived_uncore(rates: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Measurements:
    """What can be derived; what is not defined is left out, such as a ratio to nothing.

    Args:
        rates: how much each counter grew per second, by socket and PMU; only those that were
            counted.
    """
    found: dict[str, _Leveled] = {
        name: {
            socket: {pmu: rate * _LINE for pmu, rate in pmus.items()}
            for socket, pmus in rates.get(counter, {}).items()
        }
        for name, counter in _BYTES.items()
    }
    for kind in ("pmm", "dram"):
        reads, writes = (found[f"platform_{kind}_{way}_bytes_per_second"] for way in _WAYS)
        found[f"platform_{kind}_total_bytes_per_second"] = _both(reads, writes, _sum)
    dram = found["platform_dram_total_bytes_per_second"]
    found["platform_dram_hit_ratio"] = _both(
        dram, found["platform_pmm_total_bytes_per_second"], _share
    )
    for socket, pmus in rates.get(_DF_DRAM, {}).items():
        dram.setdefault(socket, {}).update((pmu, rate * _LINE) for pmu, rate in pmus.items())
    found["platform_upi_bandwidth_bytes_per_second"] = _both(
        rates.get(_RECEIVED, {}),
        rates.get(_SENT, {}),
        lambda received, sent: (received + sent) / _FLITS_OF_LINE * _LINE,
    )
    derived: Measurements = {name: values for name, values in found.items() if values}
    latencies = _latencies(rates)
    if latencies:
        derived["platform_rpq_read_latency_seconds"] = latencies
    return derived


_WAYS = ("reads", "writes")


def _sum(one: float, other: float) -> float:
    return one + other


def _share(one: float, other: float) -> float | None:
    return one / (one + other) if one + other > 0 else None


def _both(
    first: Mapping[str, Mapping[str, float]],
    second: Mapping[str, Mapping[str, float]],
    combine: Callable[[float, float], float | None],
) -> _Leveled:
    """Combine what is in both; what cannot be combined is left out."""
    combined: _Leveled = {}
    for socket, pmus in first.items():
        for pmu, one in pmus.items():
            other = second.get(socket, {}).get(pmu)
            value = None if other is None else combine(one, other)
            if value is not None:
                combined.setdefault(socket, {})[pmu] = value
    return combined


def _latencies(rates: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, float]:
    """By socket: clock ticks that a read waits, by the ticks of one memory controller per second.

    Only memory controllers of which all three were counted.
    """
    latencies: dict[str, float] = {}
    for socket, occupancies in rates.get(_OCCUPANCY, {}).items():
        inserts, clocks = (rates.get(name, {}).get(socket, {}) for name in (_INSERTS, _CLOCK))
        pmus = [pmu for pmu in occupancies if pmu in inserts and pmu in clocks]
        reads, ticks = (sum(of[pmu] for pmu in pmus) for of in (inserts, clocks))
        if reads > 0 and ticks > 0:
            waited = sum(occupancies[pmu] for pmu in pmus)
            latencies[socket] = waited / reads / (ticks / len(pmus))
    return latencies
