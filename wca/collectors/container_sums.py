"""Counters that the kernel keeps for each group alone, summed over a task and its containers."""

from collections.abc import Callable, Hashable, Iterable

from wca.collectors.api import Cgroup, NotAvailable, Probe, TargetGone, TaskTarget
from wca.collectors.running_total import RunningTotal
from wca.errors import PLUGIN_ERRORS, Postponed
from wca.metrics import Measurements

__all__ = ["ContainerSums"]

#: Containers that are known when they are back in the list; what they had counted must not count
#: twice. It takes a node that lists them now and then.
_REMEMBERED = 64
_OWN: Hashable = ()


class _Counting:
    """The files of one group, and what they counted last.

    Args:
        identity: of the group: one that is made again under its path is another one.
        probe: reads the files.
    """

    __slots__ = ("counters", "identity", "probe")

    def __init__(self, identity: Hashable, probe: Probe) -> None:
        self.identity = identity
        self.probe = probe
        self.counters: Measurements = {}

    def take(self, counters: Measurements) -> bool:
        """Take what was read; what could not be read stays as it was. Whether it is new."""
        if counters == self.counters:
            return False
        self.counters = {**self.counters, **counters}
        return True


class ContainerSums:
    """Reads the files of a task's own group, and adds what those of its containers count.

    A container that has ended stays in the sums with what it had counted at the last reading, so
    that they never go back. One that was never seen, because it began and ended between two
    discoveries, is not in them.

    Args:
        own: reads the files of the task's own group.
        target: knows which containers there are now.
        attach: opens the files of a container's groups that give these counters and nothing else;
            raises NotAvailable and TargetGone.
        names: the counters to sum; all other numbers are those of the own group.
    """

    def __init__(
        self,
        own: Probe,
        target: TaskTarget,
        attach: Callable[[Cgroup], Probe],
        names: Iterable[str],
    ) -> None:
        self._own = _Counting(_OWN, own)
        self._target = target
        self._attach = attach
        self._names = tuple(names)
        self._containers: dict[str, _Counting] = {}  # by path
        self._total: RunningTotal[Hashable, str] = RunningTotal(_REMEMBERED)
        self._sums: Measurements = {}
        self._failed = Postponed()

    def read(self, out: Measurements) -> None:
        """Add the numbers of the own group, and the sums.

        Raises:
            TargetGone: the task vanished; nothing was added.
            Exception: what could not be read; the rest was added.
        """
        values: Measurements = {}
        self._try_to(self._own.probe, values)
        changed = self._own.take({name: values[name] for name in self._names if name in values})
        known = list(self._containers.items())
        for path, container in known:
            changed = self._read(path, container) or changed
        new = self._open_new()  # may have the path of one that has just been found to have ended
        for path, container in new:
            changed = self._read(path, container) or changed
        if changed:
            self._add_up([self._own, *(container for _, container in (*known, *new))])
        out.update(values)
        out.update(self._sums)
        self._failed.raise_kept()

    def close(self) -> None:
        """Close all files; safe twice."""
        self._own.probe.close()
        for path in list(self._containers):
            self._close(path)

    def _try_to(self, probe: Probe, out: Measurements) -> None:
        """Read what can be read; TargetGone is raised, any other error is kept for later."""
        try:
            probe.read(out)
        except TargetGone:
            raise
        except PLUGIN_ERRORS as error:
            self._failed.keep(error)

    def _add_up(self, groups: Iterable[_Counting]) -> None:
        current = {one.identity: one.counters for one in groups}
        counted = set().union(*current.values())
        sums = self._total.update(current)
        self._sums = {name: value for name, value in sums.items() if name in counted}

    def _open_new(self) -> list[tuple[str, _Counting]]:
        """Open the files of containers that are not known yet; where that fails, the next time."""
        opened: list[tuple[str, _Counting]] = []
        new = [one for one in self._target.task.subcgroups_paths if one not in self._containers]
        groups = self._target.containers() if new else {}
        for path in new:
            try:
                probe = self._attach(groups[path])
            except (NotAvailable, TargetGone):
                continue
            except PLUGIN_ERRORS as error:
                self._failed.keep(error)
                continue
            self._containers[path] = _Counting((path, groups[path].identity()), probe)
            opened.append((path, self._containers[path]))
        return opened

    def _read(self, path: str, container: _Counting) -> bool:
        """Read one container, and close what has ended; whether it has counted something."""
        values: Measurements = {}
        try:
            self._try_to(container.probe, values)
        except TargetGone:
            self._close(path)
            return False
        if path not in self._target.task.subcgroups_paths:  # this was its last reading
            self._close(path)
        return container.take(values)

    def _close(self, path: str) -> None:
        self._containers.pop(path).probe.close()
