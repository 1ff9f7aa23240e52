"""The quota of a task with containers on cgroup v1, which is that of its containers. Pure.

There a group must not have less than one of the groups below it, also not for a moment: where the
task itself is held below what a container asks for, the kernel refuses each container that starts
or starts again, and the task fails. So its own quota is not lowered; each container gets its part.
"""

from collections.abc import Mapping
from dataclasses import replace

from wca.allocations.encoding import Machine, Texts, decode_quota, encode_quota, period_of

__all__ = ["burst_within", "parts_of_quota", "quota_of_all"]


def quota_of_all(own: Texts, containers: Mapping[str, Texts], machine: Machine) -> float:
    """What a task may use, as a share of all CPUs.

    Args:
        own: period and quota of the task's group.
        containers: those of its containers, by folder.
        machine: what values are relative to.

    Raises:
        Malformed: a text is no period or no quota.
    """
    together = sum(decode_quota(texts, machine) for texts in containers.values())
    return min(decode_quota(own, machine), together)


def parts_of_quota(
    share: float, own: Texts, containers: Mapping[str, Texts], machine: Machine
) -> tuple[Texts, dict[str, Texts]]:
    """What the task's group and its containers have to have.

    Each container gets a part in proportion to its own limit, and not more than that, unless the
    task gets more than it had itself.

    Args:
        share: that the task is granted, of all CPUs.
        own: period and quota of the task's group before the agent.
        containers: those of its containers, by folder.
        machine: what values are relative to.

    Raises:
        ValidationError: the share is none.
        Malformed: a text is no period or no quota.
    """
    encoded = _encoded(share, own, machine)
    before = decode_quota(own, machine)
    limits = {folder: decode_quota(texts, machine) for folder, texts in containers.items()}
    factor = share / (sum(limits.values()) or 1.0)
    if share > before:
        parts = {
            folder: _encoded(min(1.0, factor * limits[folder]), texts, machine)
            for folder, texts in containers.items()
        }
        return encoded, parts
    parts = {
        folder: texts if factor >= 1 else _encoded(factor * limits[folder], texts, machine)
        for folder, texts in containers.items()
    }
    return own, parts


def burst_within(burst: Texts, quota: Texts) -> Texts:
    """The burst of a container: its quota is the most that the kernel takes.

    Args:
        burst: that its task is granted.
        quota: of the container: period and quota, or ``cpu.max``.
    """
    limit = quota[1] if len(quota) == 2 else quota[0].split()[0]
    return (str(min(int(burst[0]), int(limit))),) if limit.isdigit() else burst


def _encoded(share: float, there: Texts, machine: Machine) -> Texts:
    """A group with a limit keeps its period."""
    return encode_quota(share, replace(machine, period=period_of(there) or machine.period))
