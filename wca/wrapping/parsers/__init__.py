"""The parsers: one for any output that has names and values in it, and some for load generators."""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["PARSERS"]

#: Name on the command line to ``module:Class``.
PARSERS: Mapping[str, str] = MappingProxyType(
    {
        "cassandra_stress": "wca.wrapping.parsers.databases:CassandraStressParser",
        "mutilate": "wca.wrapping.parsers.caches:MutilateParser",
        "mysql_tpm": "wca.wrapping.parsers.databases:MysqlTpmParser",
        "rpc_perf": "wca.wrapping.parsers.caches:RpcPerfParser",
        "specjbb": "wca.wrapping.parsers.specjbb:SpecjbbParser",
        "stress_ng": "wca.wrapping.parsers.stress_ng:StressNgParser",
        "ycsb": "wca.wrapping.parsers.databases:YcsbParser",
    }
)
