"""What a cgroup may use of the CPUs: quota, period and weight."""

from wca.linux.parse import Malformed, parse_number, to_number

__all__ = ["parse_cpu_max", "parse_cpu_weight", "parse_quota"]

_MIN_WEIGHT, _MAX_WEIGHT = 1, 10_000
_MIN_SHARES, _MAX_SHARES = 2, 262_144


def parse_quota(data: bytes) -> int | None:
    """``cpu.cfs_quota_us`` of cgroup v1 in microseconds; None when there is none (``-1``).

    Raises:
        Malformed: anything else is in it.
    """
    return None if data.strip() == b"-1" else parse_number(data)


def parse_cpu_max(data: bytes) -> tuple[int | None, int]:
    """``cpu.max`` of cgroup v2: quota, None when there is none (``max``), and period.

    Both are in microseconds.

    Raises:
        Malformed: anything else is in it.
    """
    words = data.split()
    if len(words) == 2:
        quota, period = to_number(words[0]), to_number(words[1])
        if period is not None and (quota is not None or words[0] == b"max"):
            return quota, period
    raise Malformed(f"expected a quota and a period, got {data[:40]!r}")


def parse_cpu_weight(data: bytes) -> int:
    """``cpu.weight`` of cgroup v2 in shares, on the scale of ``cpu.shares`` of v1.

    The ends of both scales meet, and between them the relation is linear: so do the kubelet and
    cAdvisor translate them.

    Raises:
        Malformed: it is no weight from 1 to 10000.
    """
    weight = parse_number(data)
    if not _MIN_WEIGHT <= weight <= _MAX_WEIGHT:
        raise Malformed(f"expected a weight from {_MIN_WEIGHT} to {_MAX_WEIGHT}, got {weight}")
    steps = (weight - _MIN_WEIGHT) * (_MAX_SHARES - _MIN_SHARES)
    return _MIN_SHARES + steps // (_MAX_WEIGHT - _MIN_WEIGHT)
