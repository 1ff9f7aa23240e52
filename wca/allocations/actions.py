"""How events are done: moving pages, reclaiming memory, killing."""

import errno
from collections.abc import Callable
from typing import Any

from wca.allocations.contract import Files
from wca.allocations.encoding import Machine, described, node_of, reclaimed_bytes
from wca.allocations.gate import reason_of
from wca.allocations.groups import Groups
from wca.allocations.killing import forbidden, kill_groups
from wca.allocators.api import AllocationType
from wca.detectors.api import TaskData
from wca.errors import NotAvailable, WcaError
from wca.linux.migrate_pages import migrate_pages

__all__ = ["Action", "Actions", "event_value"]

#: Does it, takes its time, and tells in a few words what came of it. Raises WcaError.
Action = Callable[[], str]

_VALUES: dict[AllocationType, Callable[[Any, Machine], int | str]] = {
    AllocationType.MIGRATE_PAGES: node_of,
    AllocationType.MEMORY_RECLAIM: reclaimed_bytes,
    AllocationType.KILL: described,
}


def event_value(type_: AllocationType, value: Any, machine: Machine) -> int | str:
    """The value of an event as it is compared and done. Raises ValidationError."""
    return _VALUES[type_](value, machine)


class Actions:
    """Makes actions of requests.

    Args:
        groups: where the groups of tasks are.
        files: how the kernel's files are written.
        swaps: whether the machine has swap space now.
    """

    def __init__(self, groups: Groups, files: Files, swaps: Callable[[], bool]) -> None:
        self._groups = groups
        self._files = files
        self._swaps = swaps

    def value(self, type_: AllocationType, value: Any) -> int | str:
        """See ``event_value``."""
        return event_value(type_, value, self._groups.machine)

    def prepare(self, task: TaskData, type_: AllocationType, value: int | str) -> Action:
        """What is to be done; nothing is done yet.

        Args:
            task: to what.
            type_: of event.
            value: checked before.

        Raises:
            WcaError: it cannot be done here, or must not.
        """
        if type_ is AllocationType.MIGRATE_PAGES:
            return self._migration(task, int(value))
        if type_ is AllocationType.MEMORY_RECLAIM:
            return self._reclaim(task, int(value))
        return self._kill(task)

    def _migration(self, task: TaskData, target: int) -> Action:
        if self._swaps():
            raise NotAvailable("there is swap space: switch it off, or the OOM killer may come")
        groups = self._groups.of_task(task)
        sources = [node for node in range(self._groups.machine.nodes) if node != target]

        def migrate() -> str:
            pids = {pid for group in groups for pid in group.procs(recursive=True)}
            return _migrated(sorted(pids), sources, target)

        return migrate

    def _reclaim(self, task: TaskData, size: int) -> Action:
        group = self._groups.of_task(task)[0]
        folder = group.directory("memory")
        if folder is None:
            raise NotAvailable("no group of the controller memory")
        path = f"{folder}/memory.reclaim"
        if group.version("memory") == 1:
            raise NotAvailable("not on cgroup v1")
        if self._files.inode(path) is None:
            raise NotAvailable("memory.reclaim is gone, or not on this kernel")

        def reclaim() -> str:
            try:
                self._files.write(path, str(size))
            except OSError as error:
                if error.errno == errno.EAGAIN:
                    raise WcaError("memory.reclaim: not as much could be reclaimed") from None
                raise WcaError(reason_of(error, path)) from None
            return ""

        return reclaim

    def _kill(self, task: TaskData) -> Action:
        groups = self._groups.of_task(task)
        reason = forbidden(groups)
        if reason:
            raise NotAvailable(reason)

        def kill() -> str:
            try:
                count = kill_groups(groups, self._files)
            except OSError as error:
                raise WcaError(f"cannot be killed: {error.strerror}") from None
            return f"{count} processes killed"

        return kill


def _migrated(pids: list[int], sources: list[int], target: int) -> str:
    problems: list[str] = []
    left = 0
    for pid in pids:
        try:
            left += migrate_pages(pid, sources, target)
        except ProcessLookupError:
            continue
        except OSError as error:
            problems.append(f"process {pid}: {error.strerror}")
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise WcaError(problems[0] + more)
    return f"{left} pages could not be moved" if left else ""
