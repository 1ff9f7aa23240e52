"""The quota of a task with containers, which have quotas too. Pure.

More than before reaches a container only when its own quota is raised along. Less is a matter of
the cgroup version. On v2 a group holds those below it, and the task's own quota is lowered. On v1 a
group must not have less than one of the groups below it, also not for a moment: where the task
itself is held below what a container asks for, the kernel refuses each container that starts or
starts again, and the task fails. So its own quota is not lowered; each container gets its part.
"""

from collections.abc import Mapping
from dataclasses import replace

from wca.allocations.encoding import Machine, Texts, period_of
from wca.allocations.knobs import Knob

__all__ = ["burst_within", "parts_of_quota", "quota_of_all"]


def quota_of_all(
    own: Texts, containers: Mapping[str, Texts], knob: Knob, machine: Machine
) -> float:
    """What a task may use, as a share of all CPUs.

    Args:
        own: what the task's group has in the files of the quota.
        containers: the same of its containers, by folder; those without a quota of their own, as
            where cgroup v2 has the controller in the task's group only, are left out.
        knob: the quota of this version of cgroups.
        machine: what values are relative to.

    Raises:
        Malformed: a text is no period or no quota.
    """
    limits = [knob.decode(texts, machine) for texts in containers.values()]
    alone = knob.decode(own, machine)
    return float(min(alone, sum(limits)) if limits else alone)


def parts_of_quota(
    share: float,
    own: Texts,
    containers: Mapping[str, Texts],
    knob: Knob,
    machine: Machine,
    *,
    holds_below: bool,
) -> tuple[Texts, dict[str, Texts]]:
    """What the task's group and its containers have to have.

    Where containers change, each gets a part in proportion to its own limit.

    Args:
        share: that the task is granted, of all CPUs.
        own: what the task's group had in the files of the quota before the agent.
        containers: the same of its containers, by folder.
        knob: the quota of this version of cgroups.
        machine: what values are relative to.
        holds_below: whether less for the task's group is enough, as on cgroup v2.

    Raises:
        ValidationError: the share is none.
        Malformed: a text is no period or no quota.
    """
    encoded = _encoded(share, own, knob, machine)
    limits = {folder: knob.decode(texts, machine) for folder, texts in containers.items()}
    factor = share / (sum(limits.values()) or 1.0)
    if share > quota_of_all(own, containers, knob, machine):
        whole = encoded if share > knob.decode(own, machine) else own
        enough = factor <= 1
    elif holds_below:
        whole, enough = encoded, True
    else:
        whole, enough = own, factor >= 1
    if enough:
        return whole, dict(containers)
    return whole, {
        folder: _encoded(min(1.0, factor * limits[folder]), texts, knob, machine)
        for folder, texts in containers.items()
    }


def burst_within(burst: Texts, quota: Texts) -> Texts:
    """The burst of a container: its quota is the most that the kernel takes.

    Args:
        burst: that its task is granted.
        quota: of the container: period and quota, or ``cpu.max``.
    """
    limit = quota[1] if len(quota) == 2 else quota[0].split()[0]
    return (str(min(int(burst[0]), int(limit))),) if limit.isdigit() else burst


def _encoded(share: float, there: Texts, knob: Knob, machine: Machine) -> Texts:
    """A group with a limit keeps its period."""
    return knob.encode(share, replace(machine, period=period_of(there) or machine.period))
