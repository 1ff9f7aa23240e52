"""What is asked for in resctrl in one interval, all of it together."""

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from wca.allocations.api import Entry, Write
from wca.allocations.gate import reason_of
from wca.allocations.groups import Groups
from wca.allocations.resctrl.asked import Asked, parse_asked
from wca.allocations.resctrl.files import RdtFiles
from wca.allocations.resctrl.names import group_of, name_of
from wca.allocations.resctrl.paths import ABSENT, PRESENT, ROOT, is_group, place_path, row_path
from wca.allocations.resctrl.rules import Claims, too_many
from wca.allocations.resctrl.state import State, places_in_force
from wca.allocators.api import AllocationType, RDTAllocation
from wca.detectors.api import TaskData, TasksData
from wca.errors import NotAvailable, TargetGone, ValidationError
from wca.linux.resctrl.schemata import Row, format_row

__all__ = ["Interval", "Plan"]


@dataclass
class Plan:
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


class Interval:
    """The requests of one interval.

    Args:
        state: of resctrl at its beginning.
        groups: knows the cgroups of tasks.
        files: how resctrl is read.
        root: what the root group is to have, see AllocationConfiguration; None: what it has.
    """

    def __init__(
        self, state: State, groups: Groups, files: RdtFiles, root: RDTAllocation | None
    ) -> None:
        self.state = state
        self._groups = groups
        self._files = files
        self._root = root
        #: What was understood, by task id.
        self.plans: dict[str, Plan] = {}

    def understand(
        self, values: Mapping[str, Any], tasks: TasksData, entries: Mapping[str, Entry]
    ) -> None:
        """Make plans of what is asked for.

        Args:
            values: by the id of a task that there is.
            tasks: those that there are.
            entries: what is in force by the agent, by path.
        """
        self.plans = {task_id: self._plan(tasks[task_id], values[task_id]) for task_id in values}
        if any(not plan.refused for plan in self.plans.values()):
            self._refuse_conflicts(tasks, entries)
            self._refuse_too_many(entries)

    def root_rows(self) -> dict[str, Row]:
        """The rows that the root group is to have by the configuration.

        Raises:
            NotAvailable: they cannot be controlled here.
            ValidationError: they make no sense here.
        """
        if self._root is None:
            return {}
        asked = parse_asked(self._root, self.state.control.resources)
        return self.completed(asked, ROOT)

    def room(self, granted: Collection[str], entries: Mapping[str, Entry]) -> list[Write]:
        """What has to be given up first, so that there are CLOSIDs for the groups to be made.

        Tasks that are to leave groups which nobody is in then go to the root group for a moment.

        Args:
            granted: tasks whose requests are carried out.
            entries: what is in force by the agent, by path.

        Raises:
            NotAvailable: resctrl cannot be read.
        """
        plans = {id_: self.plans[id_] for id_ in granted if id_ in self.plans}
        new = {plan.group for plan in plans.values() if not self.state.is_there(plan.group)}
        if not new:
            return []
        lack = 1 + len(self.state.groups) + len(new) - self.state.control.closids
        places = places_in_force(entries.values())
        writes: list[Write] = []
        wanted = {plan.group for plan in self.plans.values()}
        for path in sorted(filter(is_group, entries)):
            group = path.removeprefix(self.state.point)
            if group in wanted:  # others go into it
                continue
            inside = [place for place, entry in places.items() if entry.ours == group]
            leaving = [id_ for id_, plan in plans.items() if plan.now == group != plan.group]
            if lack > 0 and leaving and {plans[id_].place for id_ in leaving} >= set(inside):
                lack -= 1
                writes += [
                    *(replace(entries[place].write, old=group, new=ROOT) for place in inside),
                    replace(entries[path].write, old=PRESENT, new=ABSENT, task_id=leaving[-1]),
                ]
        return writes

    def _plan(self, task: TaskData, value: Any) -> Plan:
        try:
            asked = parse_asked(value, self.state.control.resources)
            group = group_of(asked.name, task.task_id, self.state.groups)
            rows = self.completed(asked, group)
            place = place_path(self._groups.folder(task))
            now = self._files.read(place)
        except (NotAvailable, TargetGone, ValidationError) as error:
            return Plan(refused=str(error))
        except OSError as error:
            return Plan(refused=reason_of(error, str(error.filename)))
        return Plan(place, now, group, rows, "" if now else "it has no process")

    def completed(self, asked: Asked, group: str) -> dict[str, Row]:
        """Whole rows. Raises NotAvailable, and ValidationError for what makes no sense here."""
        complete, base = self.state.control.complete, self.state.base
        return {one: complete(one, row, base(group, one)) for one, row in asked.rows.items()}

    def texts(self, group: str, rows: Mapping[str, Row]) -> dict[str, str]:
        """What is to be in the rows of a group, by path."""
        folder = self.state.folder(group)
        return {row_path(folder, one): format_row(one, row) for one, row in rows.items()}

    def _refuse_conflicts(self, tasks: TasksData, entries: Mapping[str, Entry]) -> None:
        """Two cannot say what one group may use; who has said it before goes on saying it."""
        claims = Claims()
        with contextlib.suppress(NotAvailable, ValidationError):
            claims.add(self.texts(ROOT, self.root_rows()), "default_rdt_l3 or default_rdt_mb")
        plans = {id_: plan for id_, plan in self.plans.items() if not plan.refused}
        texts = {id_: self.texts(plan.group, plan.rows) for id_, plan in plans.items()}
        places = {entry.task_id: entry.ours for entry in places_in_force(entries.values()).values()}
        for path, entry in entries.items():
            id_ = entry.task_id
            shared = self.state.folder(places.get(id_, ROOT)) == entry.cgroup[0]
            goes_on = texts.get(id_, {}).get(path) == entry.ours if id_ in plans else shared
            if entry.type == AllocationType.RDT and id_ in tasks and goes_on:
                claims.add({path: entry.ours}, id_)
        for id_, plan in plans.items():
            other = claims.add(texts[id_], id_)
            if other is not None:
                name = name_of(plan.group, id_) or "root"
                plan.refused = f"{other} says something else about the group {name}"

    def _refuse_too_many(self, entries: Mapping[str, Entry]) -> None:
        """The processor knows as many control groups as it has CLOSIDs, that of the root among."""
        there = {ROOT, *(f"/{name}" for name in self.state.groups)}
        made = {f"/{path.rpartition('/')[2]}" for path in entries if is_group(path)}
        places = places_in_force(entries.values()).values()
        current = {entry.task_id: entry.ours for entry in places if entry.ours in made}
        wanted = {id_: plan.group for id_, plan in self.plans.items() if not plan.refused}
        others = frozenset(there - made)
        most = self.state.control.closids
        for id_ in too_many(current, wanted, others, most):
            self.plans[id_].refused = (
                f"all {most} control groups (CLOSIDs) are in use, {len(others) - 1} of them by "
                f"others and one as the root group"
            )
