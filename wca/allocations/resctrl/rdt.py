"""Requests for cache and memory bandwidth: what each means in groups, rows and threads."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wca.allocations.api import Entry
from wca.allocations.changes import Change, Wanted
from wca.allocations.gate import reason_of
from wca.allocations.groups import Groups
from wca.allocations.requests import Refused, Request, foreign_of, is_back
from wca.allocations.resctrl.asked import Asked, allocation_of, parse_asked
from wca.allocations.resctrl.control import Control, read_control
from wca.allocations.resctrl.files import RdtFiles
from wca.allocations.resctrl.names import group_of, name_of
from wca.allocations.resctrl.paths import (
    ABSENT,
    PRESENT,
    ROOT,
    is_group,
    place_path,
    row_path,
)
from wca.allocations.resctrl.rules import Claims, too_many
from wca.allocations.resctrl.state import State, places_in_force
from wca.allocators.api import AllocationType, RDTAllocation
from wca.detectors.api import TaskData, TasksData
from wca.errors import NotAvailable, TargetGone, ValidationError
from wca.linux.resctrl.schemata import Row, format_row

__all__ = ["Rdt"]


@dataclass
class _Plan:
    """One request, understood.

    Args:
        place: path of the ``resctrl.group`` of the task's cgroup.
        now: group that holds it.
        group: that it is to be in.
        rows: whole rows of what is asked for.
        refused: why it cannot be; empty: it can.
    """

    place: str = ""
    now: str = ""
    group: str = ""
    rows: dict[str, Row] = field(default_factory=dict)
    refused: str = ""


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
        self._plans: dict[str, _Plan] = {}
        self._state = State(files, self.control)

    def control(self) -> Control:
        """What can be controlled on this machine. Raises NotAvailable."""
        if self._known is None:
            try:
                self._known = read_control(self._files, self._state.point, self._options)
            except NotAvailable as error:
                self._known = error
        if isinstance(self._known, NotAvailable):
            raise NotAvailable(str(self._known))
        return self._known

    def root_rows(self) -> dict[str, Row]:
        """The rows that the root group is to have by the configuration.

        Raises:
            NotAvailable: they cannot be controlled here.
            ValidationError: they make no sense here.
        """
        if self._root_rows is None:
            return {}
        asked = parse_asked(self._root_rows, self.control().resources)
        return self._completed(asked, ROOT)

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
        self._seen = None
        self._state = State(self._files, self.control)
        values = {
            task_id: value
            for task_id, one in asked.items()
            for type_, value in one.items()
            if str(type_) == AllocationType.RDT and task_id in tasks
        }
        self._plans = {task_id: self._plan(tasks[task_id], values[task_id]) for task_id in values}
        if values:
            self._refuse_conflicts(tasks, entries)
            self._refuse_too_many(entries)

    def request(self, task: TaskData, entries: Mapping[str, Entry]) -> Request:
        """What the request of a task means now.

        Args:
            task: whose.
            entries: what is in force by the agent, by path.

        Raises:
            Refused: it cannot be made.
        """
        plan = self._plans[task.task_id]
        if plan.refused:
            raise Refused(plan.refused)
        try:
            return self._request(task, plan, entries)
        except (NotAvailable, TargetGone) as error:
            raise Refused(str(error)) from None
        except OSError as error:
            raise Refused(reason_of(error, str(error.filename))) from None

    def inside(self, group: str, tasks: TasksData) -> list[str]:
        """Tasks whose threads are in a group."""
        return [id_ for id_, task in tasks.items() if self._place_of(task) == group]

    def _place_of(self, task: TaskData) -> str:
        try:
            return self._files.read(place_path(self._groups.folder(task)))
        except (NotAvailable, TargetGone, OSError):
            return ""

    def _plan(self, task: TaskData, value: Any) -> _Plan:
        try:
            asked = parse_asked(value, self._state.control.resources)
            group = group_of(asked.name, task.task_id, self._state.groups)
            rows = self._completed(asked, group)
            place = place_path(self._groups.folder(task))
            now = self._files.read(place)
        except (NotAvailable, TargetGone, ValidationError) as error:
            return _Plan(refused=str(error))
        except OSError as error:
            return _Plan(refused=reason_of(error, str(error.filename)))
        return _Plan(place, now, group, rows, "" if now else "it has no process")

    def _completed(self, asked: Asked, group: str) -> dict[str, Row]:
        complete, base = self.control().complete, self._state.base
        return {one: complete(one, row, base(group, one)) for one, row in asked.rows.items()}

    def _texts(self, group: str, rows: Mapping[str, Row]) -> dict[str, str]:
        folder = self._state.folder(group)
        return {row_path(folder, one): format_row(one, row) for one, row in rows.items()}

    def _refuse_conflicts(self, tasks: TasksData, entries: Mapping[str, Entry]) -> None:
        """Two cannot say what one group may use; who has said it before goes on saying it."""
        claims = Claims()
        with contextlib.suppress(NotAvailable, ValidationError):
            claims.add(self._texts(ROOT, self.root_rows()), "default_rdt_l3 or default_rdt_mb")
        plans = {id_: plan for id_, plan in self._plans.items() if not plan.refused}
        texts = {id_: self._texts(plan.group, plan.rows) for id_, plan in plans.items()}
        places = {entry.task_id: entry.ours for entry in places_in_force(entries.values()).values()}
        for path, entry in entries.items():
            id_ = entry.task_id
            shared = self._state.folder(places.get(id_, ROOT)) == entry.cgroup[0]
            goes_on = texts.get(id_, {}).get(path) == entry.ours if id_ in plans else shared
            if entry.type == AllocationType.RDT and id_ in tasks and goes_on:
                claims.add({path: entry.ours}, id_)
        for id_, plan in plans.items():
            other = claims.add(texts[id_], id_)
            if other is not None:
                name = plan.group.removeprefix("/") or "root"
                plan.refused = f"{other} says something else about the group {name}"

    def _refuse_too_many(self, entries: Mapping[str, Entry]) -> None:
        """The processor knows as many control groups as it has CLOSIDs, that of the root among."""
        there = {ROOT, *(f"/{name}" for name in self._state.groups)}
        made = {f"/{path.rpartition('/')[2]}" for path in entries if is_group(path)}
        places = places_in_force(entries.values()).values()
        current = {entry.task_id: entry.ours for entry in places if entry.ours in made}
        wanted = {id_: plan.group for id_, plan in self._plans.items() if not plan.refused}
        others = frozenset(there - made)
        most = self.control().closids if wanted else 0
        for id_ in too_many(current, wanted, others, most) if wanted else ():
            self._plans[id_].refused = (
                f"all {most} control groups (CLOSIDs) are in use, {len(others) - 1} of them by "
                f"others and one as the root group"
            )

    def _request(self, task: TaskData, plan: _Plan, entries: Mapping[str, Entry]) -> Request:
        changes = self._changes(plan, entries)
        # Rows of a group that is still to be made have no content yet.
        current = {
            one.path: self._files.read(one.path) if one.cgroup[1] else ABSENT for one in changes
        }
        control, base = self.control(), self._state.base
        before = self._state.rows(plan.now)
        after = {one: base(plan.group, one) for one in control.resources} | plan.rows
        amount, now = control.share(after), control.share(before)
        return Request(
            Wanted(task.task_id, AllocationType.RDT.value, changes, amount > now),
            current,
            allocation_of(name_of(plan.now, task.task_id), before),
            amount,
            now,
            is_back(changes, entries),
            foreign_of(current, entries),
            after=allocation_of(name_of(plan.group, task.task_id), after),
            affects=self._affected(plan, current),
        )

    def _changes(self, plan: _Plan, entries: Mapping[str, Entry]) -> list[Change]:
        folder, point = self._state.folder(plan.group), self._state.point
        inode = self._files.inode(folder) or 0
        changes = []
        if not inode or folder in entries:
            changes.append(Change(folder, PRESENT, (point, self._inode(point))))
        changes += [
            Change(path, text, (folder, inode))
            for path, text in self._texts(plan.group, plan.rows).items()
        ]
        cgroup = plan.place.rpartition("/")[0]
        return [*changes, Change(plan.place, plan.group, (cgroup, self._inode(cgroup)))]

    def _affected(self, plan: _Plan, current: Mapping[str, str]) -> str | None:
        rows = self._texts(plan.group, plan.rows)
        changes = any(current[path] != text for path, text in rows.items())
        return plan.group if changes and self._state.is_there(plan.group) else None

    def _inode(self, folder: str) -> int:
        inode = self._files.inode(folder)
        if inode is None:
            raise TargetGone("its cgroup is gone")
        return inode
