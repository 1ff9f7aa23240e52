"""Requests for cache and memory bandwidth: what each means in groups, rows and threads."""

from collections.abc import Collection, Mapping
from typing import Any

from wca.allocations.api import Entry, Write
from wca.allocations.changes import Change, Wanted
from wca.allocations.gate import reason_of
from wca.allocations.groups import Groups
from wca.allocations.request import Refused, Request, foreign_of, is_back
from wca.allocations.resctrl.asked import allocation_of
from wca.allocations.resctrl.control import Control, read_control
from wca.allocations.resctrl.files import RdtFiles
from wca.allocations.resctrl.interval import Interval, Plan
from wca.allocations.resctrl.names import name_of
from wca.allocations.resctrl.paths import (
    ABSENT,
    PRESENT,
    place_path,
)
from wca.allocations.resctrl.state import State
from wca.allocators.api import AllocationType, RDTAllocation
from wca.detectors.api import TaskData, TasksData
from wca.errors import NotAvailable, TargetGone, ValidationError
from wca.linux.resctrl.schemata import Row

__all__ = ["Rdt"]


class Rdt:
    """Makes requests of what allocators ask for in resctrl, all of an interval together.

    Args:
        groups: knows the cgroups of tasks.
        files: how resctrl is read.
        options: that resctrl is mounted with.
        root_rows: rows of the root group that the configuration says, see AllocationConfiguration.
    """

    def __init__(
        self,
        groups: Groups,
        files: RdtFiles,
        options: tuple[str, ...] = (),
        root_rows: RDTAllocation | None = None,
    ) -> None:
        self._groups = groups
        self._files = files
        self._options = options
        self._root_rows = root_rows
        self._known: Control | NotAvailable | None = None
        self._seen: State | None = None
        self._interval = self._begun()

    def control(self) -> Control:
        """What can be controlled on this machine. Raises NotAvailable."""
        if self._known is None:
            try:
                self._known = read_control(self._files, self._interval.state.point, self._options)
            except NotAvailable as error:
                self._known = error
        if isinstance(self._known, NotAvailable):
            raise NotAvailable(str(self._known))
        return self._known

    def read(self, task: TaskData) -> RDTAllocation | None:
        """What is in force for a task; None where that cannot be read."""
        if self._seen is None:
            self._seen = State(self._files, self.control)
        try:
            self._seen.control  # noqa: B018 - without it there is nothing to allocate
            group = self._files.read(place_path(self._groups.folder(task)))
            return allocation_of(name_of(group, task.task_id), self._seen.rows(group))
        except (NotAvailable, TargetGone, ValidationError, OSError):
            return None

    def begin(
        self,
        asked: Mapping[str, Mapping[Any, Any]],
        tasks: TasksData,
        entries: Mapping[str, Entry],
    ) -> None:
        """Understand all requests of an interval, before they are made one by one.

        Args:
            asked: values by type by task id.
            tasks: those that there are.
            entries: what is in force by the agent, by path.
        """
        self._seen, self._interval = None, self._begun()
        values = {
            task_id: value
            for task_id, one in asked.items()
            for type_, value in one.items()
            if str(type_) == AllocationType.RDT and task_id in tasks
        }
        self._interval.understand(values, tasks, entries)

    def request(self, task: TaskData, entries: Mapping[str, Entry]) -> Request:
        """What the request of a task means now.

        Args:
            task: whose.
            entries: what is in force by the agent, by path.

        Raises:
            Refused: it cannot be made.
        """
        plan = self._interval.plans[task.task_id]
        if plan.refused:
            raise Refused(plan.refused)
        try:
            return self._request(task, plan, entries)
        except (NotAvailable, TargetGone) as error:
            raise Refused(str(error)) from None
        except OSError as error:
            raise Refused(reason_of(error, str(error.filename))) from None

    def room(self, granted: Collection[str], entries: Mapping[str, Entry]) -> list[Write]:
        """What has to be given up first, see ``Interval``. Raises NotAvailable."""
        return self._interval.room(granted, entries)

    def root_rows(self) -> dict[str, Row]:
        """What the root group is to have, see ``Interval``. Raises as that does."""
        return self._interval.root_rows()

    def inside(self, group: str, tasks: TasksData) -> list[str]:
        """Tasks whose threads are in a group."""
        return [id_ for id_, task in tasks.items() if self._place_of(task) == group]

    def _place_of(self, task: TaskData) -> str:
        try:
            return self._files.read(place_path(self._groups.folder(task)))
        except (NotAvailable, TargetGone, OSError):
            return ""

    def _begun(self) -> Interval:
        state = State(self._files, self.control)
        return Interval(state, self._groups, self._files, self._root_rows)

    def _request(self, task: TaskData, plan: Plan, entries: Mapping[str, Entry]) -> Request:
        changes = self._changes(plan, entries)
        # Rows of a group that is still to be made have no content yet.
        current = {
            one.path: self._files.read(one.path) if one.cgroup[1] else ABSENT for one in changes
        }
        control, base = self.control(), self._interval.state.base
        before = self._interval.state.rows(plan.now)
        after = {one: base(plan.group, one) for one in control.resources} | plan.rows
        amount, now = control.share(after), control.share(before)
        return Request(
            Wanted(task.task_id, AllocationType.RDT.value, changes, amount > now),
            current,
            allocation_of(name_of(plan.now, task.task_id), before),
            amount,
            now,
            is_back(changes, entries, current),
            foreign_of(current, entries),
            after=allocation_of(name_of(plan.group, task.task_id), after),
            affects=self._affected(plan, current),
        )

    def _changes(self, plan: Plan, entries: Mapping[str, Entry]) -> list[Change]:
        folder, point = self._interval.state.folder(plan.group), self._interval.state.point
        inode = self._files.inode(folder) or 0
        changes = []
        if not inode or folder in entries:
            changes.append(Change(folder, PRESENT, (point, self._inode(point))))
        changes += [
            Change(path, text, (folder, inode))
            for path, text in self._interval.texts(plan.group, plan.rows).items()
        ]
        cgroup = plan.place.rpartition("/")[0]
        return [*changes, Change(plan.place, plan.group, (cgroup, self._inode(cgroup)))]

    def _affected(self, plan: Plan, current: Mapping[str, str]) -> str | None:
        rows = self._interval.texts(plan.group, plan.rows)
        changes = any(current[path] != text for path, text in rows.items())
        return plan.group if changes and self._interval.state.is_there(plan.group) else None

    def _inode(self, folder: str) -> int:
        inode = self._files.inode(folder)
        if inode is None:
            raise TargetGone("its cgroup is gone")
        return inode
