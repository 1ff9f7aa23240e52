"""Opens the perf events of a task, and says in a sentence why that is refused."""

import errno
import os
import resource
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from wca.collectors.api import Cgroup, NodeTarget
from wca.collectors.perf.plan import PerfPlan
from wca.collectors.perf.tally import CpuGroup
from wca.errors import NotAvailable, TargetGone, WcaError
from wca.linux.perf.counting import OpenGroup
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
    """

    def __init__(self, plan: PerfPlan, open_group: OpenGroup, node: NodeTarget) -> None:
        self._plan = plan
        self._open_group = open_group
        self._node = node

    def open(self, cgroup: Cgroup, cpus: Sequence[int]) -> list[CpuGroup]:
        """Open the events of a task on these CPUs and start counting.

        Raises:
            NotAvailable: no right, no perf or none of the events here, or no group of the task.
            TargetGone: the task vanished.
            WcaError: descriptors do not suffice, or something unforeseen.
        """
        try:
            with _folder(cgroup) as folder:
                self._plan.prepare(folder, cpus)
                self._check_budget(folder, cpus)
                return self._open(folder, cpus)
        except OSError as error:
            raise self._meaning(error, cpus) from None

    def _open(self, folder: int, cpus: Sequence[int]) -> list[CpuGroup]:
        """Open with groups as large as the processor takes them, smaller from the first refusal."""
        while True:
            try:
                return self._open_planned(folder, cpus)
            except OSError as error:
                if error.errno != errno.EINVAL or not self._plan.shrink():
                    raise

    def _open_planned(self, folder: int, cpus: Sequence[int]) -> list[CpuGroup]:
        opened: list[CpuGroup] = []
        with ExitStack() as undo:
            for cpu in cpus:
                for events in self._plan.groups(cpu):
                    try:
                        group = self._open_group(events, folder, cpu)
                    except OSError as error:
                        if error.errno == errno.ENODEV:  # the CPU went offline at this moment
                            break
                        raise
                    undo.callback(group.close)
                    opened.append(CpuGroup(cpu, group, events))
            for one in opened:
                one.group.enable()
            undo.pop_all()
        return opened

    def _check_budget(self, newest: int, cpus: Sequence[int]) -> None:
        """Refuse before anything is opened. Descriptors are numbered from the lowest that is free.

        Args:
            newest: number of the newest descriptor: about as many are in use.
            cpus: to open on.
        """
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if newest + self._plan.descriptors(cpus) + _RESERVED_DESCRIPTORS > limit:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def _meaning(self, error: OSError, cpus: Sequence[int]) -> WcaError:
        """What an error of perf_event_open means for a task whose cgroup is there."""
        refusal = perf_refusal(error, self._node)
        if refusal is not None:
            return refusal
        if error.errno in NO_DESCRIPTOR:
            return WcaError(self._arithmetic(cpus))
        if error.errno == errno.ENOENT:
            return NotAvailable(
                "the task has no group in the hierarchy that holds the perf_event controller"
            )
        return WcaError(str(error))

    def _arithmetic(self, cpus: Sequence[int]) -> str:
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = self._plan.descriptors(cpus)
        events = {self._plan.descriptors([cpu]) for cpu in cpus}
        if len(events) == 1:
            sum_ = f"{events.pop()} perf events x {len(cpus)} CPUs = {wanted} descriptors"
        else:
            sum_ = f"{wanted} descriptors for its perf events on {len(cpus)} CPUs of several kinds"
        return (
            f"a task needs {sum_}, and so many are not left of {limit} ({_RESERVED_DESCRIPTORS} "
            "are kept free): raise the limit of open files (LimitNOFILE, ulimit -n) or name fewer "
            "events"
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
