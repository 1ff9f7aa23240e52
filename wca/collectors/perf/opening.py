"""Opens the perf events of a task, and says in a sentence why that is refused."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from wca.collectors.api import Cgroup, NodeTarget
from wca.collectors.perf.plan import PerfPlan
from wca.collectors.perf.tally import CpuGroup
from wca.collectors.perf.turns import Turns
from wca.errors import Exhausted, NotAvailable, TargetGone, WcaError
from wca.linux.descriptors import count_descriptors, descriptor_limit
from wca.linux.perf.counting import OpenGroup
from wca.linux.perf.events import PerfEvent
from wca.linux.perf.grouping import group_events
from wca.linux.perf.refusals import NO_DESCRIPTOR, perf_refusal

__all__ = ["PerfOpener"]

# Descriptors left to the rest of the program.
_RESERVED_DESCRIPTORS = 64


class PerfOpener:
    """Opens groups of events.

    Args:
        plan: which.
        open_group: how.
        node: where the reason of a refusal is looked up.
        turns: whose turn it is.
    """

    def __init__(
        self, plan: PerfPlan, open_group: OpenGroup, node: NodeTarget, turns: Turns
    ) -> None:
        self._plan = plan
        self._open_group = open_group
        self._node = node
        self._turns = turns

    def open(self, cgroup: Cgroup, cpus: Sequence[int]) -> list[CpuGroup] | None:
        """Open the events of a task on these CPUs and start counting.

        Returns:
            The groups; None: other tasks have taken the time of this round.

        Raises:
            NotAvailable: no right, no perf or none of the events here, or no group of the task.
            TargetGone: the task vanished.
            Exhausted: descriptors do not suffice.
            WcaError: something unforeseen.
        """
        if self._turns.over:
            return None
        try:
            with self._turns.taken(), _folder(cgroup) as folder:
                self._plan.prepare(folder, cpus)
                self._check_budget(cpus)
                return self._open_all(folder, cpus)
        except OSError as error:
            raise self._meaning(error, cpus) from None

    def _open_all(self, folder: int, cpus: Sequence[int]) -> list[CpuGroup]:
        opened: list[CpuGroup] = []
        with ExitStack() as undo:
            for cpu in cpus:
                try:
                    opened += self._open_on(cpu, folder, undo)
                except OSError as error:
                    if error.errno != errno.ENODEV:  # the CPU went offline at this moment
                        raise
            for one in opened:
                one.group.enable()
            undo.pop_all()
        return opened

    def _open_on(self, cpu: int, folder: int, undo: ExitStack) -> list[CpuGroup]:
        """All groups on one CPU; those that it takes as they are, and the others in parts."""
        planned = self._plan.groups(cpu)
        with ExitStack() as own:
            opened = [
                one for events in planned for one in self._open_whole(events, cpu, folder, own)
            ]
            undo.push(own.pop_all())
        if len(opened) > len(planned):
            self._plan.keep(cpu, [one.events for one in opened])
        return opened

    def _open_whole(
        self, events: tuple[PerfEvent, ...], cpu: int, folder: int, undo: ExitStack
    ) -> list[CpuGroup]:
        """One group; as two smaller ones where the processor cannot count it at the same time."""
        try:
            group = self._open_group(events, folder, cpu)
        except OSError as error:
            if error.errno != errno.EINVAL or len(events) == 1:
                raise
        else:
            undo.callback(group.close)
            return [CpuGroup(cpu, group, events)]
        halves = group_events(events, (len(events) + 1) // 2)
        return [one for half in halves for one in self._open_whole(half, cpu, folder, undo)]

    def _check_budget(self, cpus: Sequence[int]) -> None:
        """Refuse before anything is opened."""
        needed = sum(map(self._plan.descriptors, cpus))
        if count_descriptors() + needed + _RESERVED_DESCRIPTORS > descriptor_limit():
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def _meaning(self, error: OSError, cpus: Sequence[int]) -> WcaError:
        """What an error of perf_event_open means for a task whose cgroup is there."""
        refusal = perf_refusal(error, self._node)
        if refusal is not None:
            return refusal
        if error.errno in NO_DESCRIPTOR:
            return Exhausted(self._arithmetic(cpus))
        if error.errno == errno.ENOENT:
            return NotAvailable(
                "the task has no group in the hierarchy that holds the perf_event controller"
            )
        return WcaError(str(error))

    def _arithmetic(self, cpus: Sequence[int]) -> str:
        wanted = sum(map(self._plan.descriptors, cpus))
        each = {(self._plan.events(cpu), self._plan.descriptors(cpu)) for cpu in cpus}
        events, descriptors = each.pop()
        if each:
            sum_ = f"{wanted} descriptors for its perf events on {len(cpus)} CPUs of several kinds"
        elif events == descriptors:
            sum_ = f"{events} perf events x {len(cpus)} CPUs = {wanted} descriptors"
        else:  # some of them have companions
            sum_ = (
                f"{descriptors} descriptors for {events} perf events x {len(cpus)} CPUs = "
                f"{wanted} descriptors"
            )
        return (
            f"a task needs {sum_}, and so many are not left of {descriptor_limit()} "
            f"({_RESERVED_DESCRIPTORS} are kept free): raise the limit of open files "
            "(LimitNOFILE, ulimit -n) or name fewer events"
        )


@contextmanager
def _folder(cgroup: Cgroup) -> Iterator[int]:
    """A descriptor of the task's folder in the hierarchy of perf_event."""
    path = cgroup.directory("perf_event")
    try:
        folder = os.open(str(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise TargetGone(f"{path} is gone") from None
    try:
        yield folder
    finally:
        os.close(folder)
