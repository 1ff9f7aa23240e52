"""What was asked for a container, from the numbers that a runtime gives to the kernel."""

from wca.nodes.container_client.api import Resources

__all__ = ["asked_for", "cores_of_quota", "cores_of_shares"]

#: Shares of a container that asks for nothing: the least that the kernel takes.
_NO_SHARES = 2
#: Microseconds of a period of the CPU's quota where none is given.
_PERIOD = 100_000
#: No machine has this much memory: runtimes write "unlimited" so.
_UNLIMITED = 1 << 60


def asked_for(
    *,
    cpu_request: float | None = None,
    cpu_limit: float | None = None,
    memory_request: int = 0,
    memory_limit: int = 0,
) -> Resources:
    """Resources as a ``Task`` has them; what is unlimited or was not asked for is absent.

    ``cpus`` and ``mem`` are what was requested, or the limit where no request is known: a limit
    alone is a request, too.

    Args:
        cpu_request: cores.
        cpu_limit: cores.
        memory_request: bytes; 0: none.
        memory_limit: bytes; 0: none.
    """
    memory = {"requests": memory_request, "limits": memory_limit}
    given: dict[str, float | int | None] = {"requests_cpu": cpu_request, "limits_cpu": cpu_limit}
    given |= {
        f"{kind}_memory": amount if 0 < amount < _UNLIMITED else None
        for kind, amount in memory.items()
    }
    found: Resources = {name: amount for name, amount in given.items() if amount is not None}
    for alias, name in (("cpus", "cpu"), ("mem", "memory")):
        amount = found.get(f"requests_{name}", found.get(f"limits_{name}"))
        if amount is not None:
            found[alias] = amount
    return found


def cores_of_shares(shares: int) -> float | None:
    """The cores for which Kubernetes gives these shares, to the thousandth; None: for none.

    It gives 1024 for a core, rounded down, and at least 2.
    """
    return -(-shares * 1000 // 1024) / 1000 if shares > _NO_SHARES else None


def cores_of_quota(quota: int, period: int) -> float | None:
    """The cores of a quota of CPU time; None: unlimited.

    Args:
        quota: microseconds in each period.
        period: microseconds; 0: the kernel's default.
    """
    return quota / (period if period > 0 else _PERIOD) if quota > 0 else None
