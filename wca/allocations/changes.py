"""From what is wanted and what is in force to the writes in between, in an order that works. Pure.

Both are compared as the kernel gives them: two values that the kernel cannot tell apart are the
same, and two that it can are not, however little they differ.
"""

import itertools
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from wca.allocations.api import Write
from wca.allocations.idle import AFTER_IDLE
from wca.allocations.resctrl.paths import step_of

__all__ = ["Change", "Plan", "Wanted", "inverse", "ordered", "plan"]

#: Within a group: what has to be out of the way before it shrinks, and there before it grows.
_RANK = {
    "cpuset_memory_migrate": -1,
    "cpu_burst": 0,
    "cpu_quota": 1,
    "cpu_shares": 2,
    "cpu_weight": 2,
    "cpu_idle": 3,
}
_PERIOD, _UNLIMITED = "cpu.cfs_period_us", "-1"
_RDT = "rdt"


@dataclass(frozen=True)
class Change:
    """One file of a request.

    Args:
        path: of the file.
        new: what is to be in it, as the kernel gives it.
        cgroup: folder of the group and its inode number; 0: a change before this one makes it.
        old: what will be in it just before; None: what is in it now.
        implied: see ``Write``.
    """

    path: str
    new: str
    cgroup: tuple[str, int]
    old: str | None = None
    implied: bool = False


@dataclass(frozen=True)
class Wanted:
    """One request, encoded.

    Args:
        task_id: whose.
        type: of allocation.
        changes: of the files, in the order for growing.
        grows: whether the task gets more by it.
    """

    task_id: str
    type: str
    changes: Sequence[Change]
    grows: bool


@dataclass
class Plan:
    """What is to be written.

    Args:
        writes: in their order.
        conflicts: requests, by task id and type, that want in a file something else than one before
            them, which they lose to, with the name of that.
        shared: requests that want the same in a file as some before them, which write it; by task
            id and type, as those are.
    """

    writes: list[Write] = field(default_factory=list)
    conflicts: dict[tuple[str, str], str] = field(default_factory=dict)
    shared: dict[tuple[str, str], list[tuple[str, str]]] = field(default_factory=dict)

    def share(self, failed: dict[tuple[str, str], str]) -> None:
        """Add what fails together with those that have failed, by task id and type."""
        for key, others in self.shared.items():
            reasons = [failed[one] for one in others if one in failed]
            if reasons:
                failed.setdefault(key, reasons[0])


def plan(wanted: Iterable[Wanted], current: Mapping[str, str]) -> Plan:
    """The writes that lead from what is in force to what is wanted.

    Args:
        wanted: the requests; of two that want something else in one file, the first one has it.
        current: contents of all their files, by path.
    """
    result = Plan()
    taken: dict[str, tuple[str, Wanted]] = {}
    found: list[tuple[Wanted, list[Write]]] = []
    for one in wanted:
        other = next(
            (taken[c.path][1] for c in one.changes if taken.get(c.path, (c.new,))[0] != c.new),
            None,
        )
        if other is not None:
            result.conflicts[one.task_id, one.type] = f"{other.type} of {other.task_id}"
            continue
        fresh = [change for change in one.changes if change.path not in taken]
        before = [taken[c.path][1] for c in one.changes if c.path in taken]
        if before:
            names = [(each.task_id, each.type) for each in before]
            result.shared[one.task_id, one.type] = list(dict.fromkeys(names))
        taken |= {change.path: (change.new, one) for change in fresh}
        found.append((one, _writes(one, fresh, current)))
    result.writes = ordered(found)
    return result


def ordered(found: Iterable[tuple[Wanted, Sequence[Write]]]) -> list[Write]:
    """Writes in the order in which the kernel takes them.

    What shrinks comes first, children before their parents; then what grows, parents before their
    children: cgroup v1 refuses a child more than its parent has, in every moment.
    """
    keyed = [
        (_key(one, write, place), write)
        for one, writes in found
        for place, write in enumerate(writes)
    ]
    return [write for _, write in sorted(keyed, key=lambda pair: pair[0])]


def inverse(writes: Sequence[Write]) -> list[Write]:
    """The writes that take others back, the last one first.

    What the kernel has changed by itself is written after what made it do so: by then it has set
    the default there.
    """
    back = [replace(one, old=one.new, new=one.old, implied=False) for one in reversed(writes)]
    implied = {write.path for write in writes if write.implied}
    return [
        replace(one, old=AFTER_IDLE.get(posixpath.basename(one.path), one.old))
        if one.path in implied
        else one
        for one in back
    ]


def _writes(one: Wanted, changes: Sequence[Change], current: Mapping[str, str]) -> list[Write]:
    before = [current[one.path] if one.old is None else one.old for one in changes]
    changed = [
        Write(change.path, old, change.new, one.task_id, one.type, change.cgroup, change.implied)
        for change, old in zip(changes, before, strict=True)
        if old != change.new or change.implied  # a weight is lost even if it was that one
    ]
    for place, (first, second) in enumerate(itertools.pairwise(changed)):
        if posixpath.basename(first.path) == _PERIOD and second.cgroup == first.cgroup:
            unlimited = second.new == _UNLIMITED  # such a group may have any period
            if unlimited or (second.old != _UNLIMITED and _shorter(first)):
                # So that in between the task has not more than before or after.
                changed[place : place + 2] = [second, first]
    return changed


def _shorter(write: Write) -> bool:
    return write.old.isdigit() and int(write.new) < int(write.old)


def _key(one: Wanted, write: Write, place: int) -> tuple[int, int, int, int]:
    if one.type == _RDT:
        return 0, 0, step_of(write.path), place
    depth, rank = write.cgroup[0].count("/"), _RANK.get(one.type, 0)
    if not one.grows:
        return 0, -depth, rank, place
    # burst grows after its quota, and the weight is free after the idle class was left
    return 1, depth, -rank, place
