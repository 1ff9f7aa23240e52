"""Load generators of databases: YCSB, cassandra-stress, HammerDB on MySQL."""

import re
from collections.abc import Sequence

from wca.metrics import Metric
from wca.wrapping.api import Parser
from wca.wrapping.parsers.numbers import NUMBER, gauge, gauges

__all__ = ["CassandraStressParser", "MysqlTpmParser", "YcsbParser"]

_YCSB = {
    "operations": re.compile(rf"(?<![\d.])({NUMBER}) operations;"),
    "ops_per_sec": re.compile(rf"(?<![\d.])({NUMBER}) current ops/sec"),
    "read_p9999": re.compile(rf"\[READ:[^\]]*\b99\.99=({NUMBER})"),
    "update_p9999": re.compile(rf"\[UPDATE:[^\]]*\b99\.99=({NUMBER})"),
}
_CASSANDRA = {
    "qps": re.compile(r"^Op rate\s*:\s*([\d.,]+)"),
    "p99": re.compile(r"^Latency 99th percentile\s*:\s*([\d.,]+)"),
}
_TPM = re.compile(rf"\bTPM:\s*({NUMBER})")


class YcsbParser(Parser):
    """Operations, their rate, and the slowest of ten thousand reads and updates of YCSB."""

    def feed(self, line: str) -> Sequence[Metric]:
        """The status lines."""
        return _found(_YCSB, line) if " operations;" in line else []


class CassandraStressParser(Parser):
    """Operations per second and the 99th percentile of their latency of cassandra-stress."""

    def feed(self, line: str) -> Sequence[Metric]:
        """The lines of its results."""
        return _found(_CASSANDRA, line.strip())


class MysqlTpmParser(Parser):
    """Transactions per minute."""

    def feed(self, line: str) -> Sequence[Metric]:
        """The lines with ``TPM:``."""
        found = _TPM.search(line)
        return gauge("tpm", found[1]) if found else []


def _found(patterns: dict[str, re.Pattern[str]], line: str) -> list[Metric]:
    matches = {name: pattern.search(line) for name, pattern in patterns.items()}
    return gauges({name: match[1] for name, match in matches.items() if match})
