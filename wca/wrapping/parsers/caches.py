"""Load generators of caches: mutilate and rpc-perf."""

import re
from collections.abc import Sequence

from wca.metrics import Metric
from wca.wrapping.api import Parser
from wca.wrapping.parsers.numbers import NUMBER, gauge, gauges

__all__ = ["MutilateParser", "RpcPerfParser"]

_QPS = re.compile(rf"Total QPS = ({NUMBER})")
#: Columns of the line ``read``: average, deviation, least, then percentiles 5, 10, 90, 95, 99.
_AVERAGE, _P90, _P95, _P99, _SCAN_QPS = 1, 6, 7, 8, 9
_SCAN_COLUMNS = 11

_PERCENTILE = re.compile(rf"\b(min|max|p\d+):\s*({NUMBER})")
_RATE = re.compile(rf"\b(Hit Rate|Success|Rate):\s*({NUMBER})")
_RATES = {"Hit Rate": "hit_rate", "Success": "success", "Rate": "rate"}


class MutilateParser(Parser):
    """Latencies of reads and queries per second of mutilate, and each step of its scan of loads."""

    def feed(self, line: str) -> Sequence[Metric]:
        """The lines ``read ...`` and ``Total QPS = ...``."""
        qps = _QPS.search(line)
        if qps:
            return gauge("qps", qps[1])
        columns = line.split()
        if not columns or columns[0] != "read" or len(columns) <= _P99:
            return []
        prefix = "scan_" if len(columns) == _SCAN_COLUMNS else ""
        found = {
            f"{prefix}read_{name}": columns[place]
            for name, place in (("avg", _AVERAGE), ("p90", _P90), ("p95", _P95), ("p99", _P99))
        }
        if prefix:
            found["scan_qps"] = columns[_SCAN_QPS]
        return gauges(found)


class RpcPerfParser(Parser):
    """Percentiles of latency, rate, success and hits of rpc-perf."""

    def feed(self, line: str) -> Sequence[Metric]:
        """The lines ``Percentiles:`` and ``Rate:``."""
        if "[rpc-perf]" not in line:
            return []
        if "Percentiles:" in line:
            return gauges(dict(_PERCENTILE.findall(line)))
        if "Rate:" in line:
            return gauges({_RATES[name]: value for name, value in _RATE.findall(line)})
        return []
