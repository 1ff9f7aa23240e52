"""What goes on in resctrl between requests: late threads, groups that nobody needs any more."""

import logging
from collections.abc import Callable, Iterable, Mapping

from wca.allocations.api import Entry, Write
from wca.allocations.contract import Journal
from wca.allocations.gate import Gate
from wca.allocations.resctrl.files import RdtFiles
from wca.allocations.resctrl.paths import ROOT, folder_of, row_path
from wca.allocations.resctrl.rdt import Rdt
from wca.allocations.resctrl.state import groups_in_force, places_in_force
from wca.allocations.results import Outcome, Result
from wca.allocators.api import AllocationType
from wca.errors import NotAvailable, ValidationError
from wca.linux.resctrl.schemata import format_row

__all__ = ["Keeper"]

log = logging.getLogger(__name__)

_TYPE = AllocationType.RDT.value


class Keeper:
    """Looks after what was done, once in each interval in which the agent acts.

    Args:
        files: how resctrl is read and written.
        gate: writes the rows of the root group.
        journal: what is in force.
        rdt: knows what the root group is to have.
        is_theirs: whether one of some files has to be left to somebody else at a monotonic time.
    """

    def __init__(
        self,
        files: RdtFiles,
        gate: Gate,
        journal: Journal,
        rdt: Rdt,
        is_theirs: Callable[[Iterable[str], float], bool],
    ) -> None:
        self._files = files
        self._gate = gate
        self._journal = journal
        self._rdt = rdt
        self._told: set[str] = set()
        self._is_theirs = is_theirs

    def keep(self, entries: Mapping[str, Entry], now: float) -> list[Result]:
        """Move late threads, remove groups without a task, hold the rows of the root group.

        Args:
            entries: what is in force by the agent, by path.
            now: monotonic time in seconds.

        Returns:
            What has failed.

        Raises:
            JournalError: the journal cannot be used.
        """
        places = places_in_force(entries.values())
        self._remove_unused(entries, places)
        return [*self._follow(places), *self._hold_root_rows(now)]

    def _follow(self, places: Mapping[str, Entry]) -> list[Result]:
        """Processes that were started elsewhere and put into the task's cgroup later."""
        ours = {}
        for path, entry in places.items():
            try:
                if not entry.undoing and self._files.read(path) in entry.settled:
                    ours[path] = entry.ours
            except OSError:
                continue
        self._files.keep(filter(None, map(folder_of, places)))
        return [
            _failed(places[str(error.filename)].task_id, str(error.strerror))
            for error in self._files.follow(ours)
            if str(error.filename) in places
        ]

    def _remove_unused(self, entries: Mapping[str, Entry], places: Mapping[str, Entry]) -> None:
        """Undo what was done to groups that no task of ours is in any more, or that are gone."""
        known = {entry.path: entry for entry in self._journal.entries() if entry.type == _TYPE}
        gone = known.keys() - entries.keys()
        used = {
            f"{self._files.point}{group}" for entry in places.values() for group in entry.values
        }
        unused = groups_in_force(known.values()).keys() - used
        rows = {path for path, entry in known.items() if entry.cgroup[0] in unused}
        paths = gone | unused | rows
        if paths:
            self._tell(paths)

    def _tell(self, paths: set[str]) -> None:
        for one in self._journal.undo(
            self._files, only_expired=False, now=0.0, paths=frozenset(paths)
        ):
            if one.outcome in ("failed", "waiting") and str(one) not in self._told:
                self._told.add(str(one))
                log.warning("undo: %s", one)

    def _hold_root_rows(self, now: float) -> list[Result]:
        point = self._files.point
        try:
            rows = self._rdt.root_rows()
        except (NotAvailable, ValidationError) as error:
            return [_failed("", str(error))]
        writes = []
        for resource, row in rows.items():
            path, new = row_path(point or "", resource), format_row(resource, row)
            try:
                old, inode = self._files.read(path), self._files.inode(point or "")
            except OSError as error:
                return [_failed("", str(error))]
            if old != new and inode is not None and not self._is_theirs([path], now):
                writes.append(Write(path, old, new, "", _TYPE, (point or "", inode)))
        return [_failed("", reason) for reason in self._gate.apply(writes).values()]


def _failed(task_id: str, reason: str) -> Result:
    who = task_id or f"the root group ({ROOT})"
    return Result(who, _TYPE, None, Outcome.FAILED, reason)
