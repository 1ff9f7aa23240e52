"""What a control group is granted at most, on both versions."""

from dataclasses import dataclass

from wca.errors import NotAvailable, TargetGone
from wca.linux.cgroups import Cgroup
from wca.linux.cpu_limits import parse_cpu_max, parse_quota
from wca.linux.parse import Malformed, parse_limit, parse_number

__all__ = ["CgroupLimits", "read_limits"]

#: ``cpu.weight`` and ``cpu.shares`` of a group for which nobody has set one.
_DEFAULT_WEIGHT, _DEFAULT_SHARES = 100, 1024


@dataclass(frozen=True, slots=True)
class CgroupLimits:
    """Limits that were set; None where none was.

    Args:
        cpus: CPU time per time, in cores.
        cpu_weight: share of the CPU among its neighbours, in units of ``cpu.weight`` (1 to 10000,
            100 being what everybody has).
        memory: in bytes.
    """

    cpus: float | None
    cpu_weight: int | None
    memory: int | None


def read_limits(cgroup: Cgroup) -> CgroupLimits:
    """Read the limits of a group; one that cannot be read is None.

    Source: v1: ``cpu.cfs_quota_us``, ``cpu.cfs_period_us``, ``cpu.shares``,
    ``memory.limit_in_bytes``; v2: ``cpu.max``, ``cpu.weight``, ``memory.max``. Shares become a
    weight as systemd makes shares of one: 1024 are 100.
    """
    if cgroup.version("cpu") == 1:
        cpus, weight = _cpus_of_quota(cgroup), _weight_of_shares(cgroup)
    else:
        cpus, weight = _cpus_of_max(_read(cgroup, "cpu", "cpu.max")), _weight(cgroup)
    name = "memory.limit_in_bytes" if cgroup.version("memory") == 1 else "memory.max"
    return CgroupLimits(cpus, weight, _limit(_read(cgroup, "memory", name)))


def _read(cgroup: Cgroup, controller: str, name: str) -> bytes:
    try:
        return cgroup.read(controller, name)
    except (NotAvailable, TargetGone):
        return b""


def _limit(data: bytes) -> int | None:
    try:
        return parse_limit(data)
    except Malformed:
        return None


def _number(data: bytes) -> int | None:
    try:
        return parse_number(data)
    except Malformed:
        return None


def _cpus_of_max(data: bytes) -> float | None:
    try:
        return _ratio(*parse_cpu_max(data))
    except Malformed:
        return None


def _cpus_of_quota(cgroup: Cgroup) -> float | None:
    try:
        quota = parse_quota(_read(cgroup, "cpu", "cpu.cfs_quota_us"))
    except Malformed:
        return None
    period = None if quota is None else _number(_read(cgroup, "cpu", "cpu.cfs_period_us"))
    return _ratio(quota, period)


def _ratio(quota: int | None, period: int | None) -> float | None:
    return quota / period if quota and period else None


def _weight(cgroup: Cgroup) -> int | None:
    weight = _number(_read(cgroup, "cpu", "cpu.weight"))
    return None if weight == _DEFAULT_WEIGHT else weight


def _weight_of_shares(cgroup: Cgroup) -> int | None:
    shares = _number(_read(cgroup, "cpu", "cpu.shares"))
    if shares is None or shares == _DEFAULT_SHARES:
        return None
    return max(1, round(shares * _DEFAULT_WEIGHT / _DEFAULT_SHARES))
