"""From what an allocator asks for to what became of it."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wca.allocations.api import Entry, JournalError
from wca.allocations.changes import plan
from wca.allocations.contract import Journal
from wca.allocations.envelope import Ask, Envelope, History
from wca.allocations.gate import Gate
from wca.allocations.groups import Groups
from wca.allocations.requests import Refused, Request, Requests
from wca.allocations.resctrl.files import RdtFiles
from wca.allocations.resctrl.keeper import Keeper
from wca.allocations.resctrl.rdt import Rdt
from wca.allocations.results import Outcome, Result
from wca.allocators.api import AllocationType
from wca.detectors.api import TasksData
from wca.errors import NotAvailable

__all__ = ["Performer", "Policy"]


@dataclass(frozen=True)
class Policy:
    """What may be done with requests.

    Args:
        act: whether anything is written.
        decides: whether the allocator decides by itself.
        all_or_nothing: whether one request that fails takes back those of the same interval.
    """

    act: bool = False
    decides: bool = True
    all_or_nothing: bool = False


class Performer:
    """Holds requests against the envelope and hands what is left to the gate.

    Args:
        groups: where files are.
        files: how they are read and written.
        gate: writes them.
        journal: what is in force.
        envelope: the bounds.
        policy: what may be done.
        rdt: what is asked for in resctrl.
    """

    def __init__(
        self,
        groups: Groups,
        files: RdtFiles,
        gate: Gate,
        journal: Journal,
        envelope: Envelope,
        policy: Policy,
        rdt: Rdt,
    ) -> None:
        self._requests = Requests(groups, files, rdt)
        self._rdt = rdt
        self._keeper = Keeper(files, gate, journal, rdt)
        self._files = files
        self._gate = gate
        self._journal = journal
        self._envelope = envelope
        self._policy = policy
        self._history = History()
        self._theirs: dict[str, Entry] = {}

    def perform(
        self,
        asked: Mapping[str, Mapping[Any, Any]],
        tasks: TasksData,
        now: float,
        held: str = "",
    ) -> list[Result]:
        """Do what is asked for, as far as it can and may be done.

        Args:
            asked: values by type by task id.
            tasks: those that there are.
            now: monotonic time in seconds.
            held: why nothing may be written now; empty: it may.

        Returns:
            One result for each request.
        """
        self._history.keep(frozenset(tasks))
        results = [
            Result(str(task_id), str(type_), value)
            for task_id, one in asked.items()
            for type_, value in one.items()
        ]
        try:
            entries = self._in_force()
        except JournalError as error:
            return [_failed(one, f"the journal cannot be read: {error}") for one in results]
        if self._policy.act and not held:
            results += self._keeper.keep(entries)
            entries = self._in_force()
        self._rdt.begin(asked, tasks, entries)
        asks = [(one, self._understood(one, tasks, entries)) for one in results]
        granted = self._granted(asks, tasks, now, held)
        self._carry_out(granted, entries)
        return results

    def _in_force(self) -> dict[str, Entry]:
        """By path; what was done to a group that is gone is gone with it."""
        ours = {entry.path: entry for entry in self._journal.entries() if self._is_there(entry)}
        self._theirs = {
            path: entry
            for path, entry in self._theirs.items()
            if path not in ours and self._is_there(entry)
        }
        return self._theirs | ours

    def _is_there(self, entry: Entry) -> bool:
        return self._files.inode(entry.cgroup[0]) == entry.cgroup[1]

    def _give_up(self, entry: Entry) -> None:
        """Somebody else has written since: theirs until the value from before us is back."""
        self._theirs[entry.path] = replace(entry, settled=(), pending=())
        # A journal that takes no more has the entry still, and sees for itself whose the value is.
        with contextlib.suppress(JournalError):
            self._journal.forget(entry.path)

    def _understood(
        self, result: Result, tasks: TasksData, entries: Mapping[str, Entry]
    ) -> Request | None:
        task = tasks.get(result.task_id)
        if task is None:
            _failed(result, "there is no such task")
            return None
        try:
            type_ = AllocationType(result.type)
        except ValueError:
            _failed(result, f"there is no allocation type {result.type[:60]!r}")
            return None
        try:
            request = self._requests.request(task, type_, result.value, entries)
        except Refused as error:
            _failed(result, str(error))
            return None
        result.before, result.after = request.before, request.after
        if request.foreign:
            self._give_up(entries[request.foreign])
        return request

    def _granted(
        self,
        asks: Sequence[tuple[Result, Request | None]],
        tasks: TasksData,
        now: float,
        held: str,
    ) -> list[tuple[Result, Request]]:
        granted = []
        counted: set[str] = set()
        for result, request in asks:
            if request is None or not request.changes:
                continue
            ask = self._ask(result, request, tasks)
            clause = held or ("foreign" if request.foreign else None)
            clause = clause or self._protected(request, tasks)
            clause = clause or self._envelope.refuses(ask, self._history, now, counted)
            if clause is not None:
                result.outcome, result.reason = Outcome.REJECTED, clause
                continue
            # Counted even where the kernel refuses it: it is not tried again and again.
            self._history.record(ask, now, counted)
            granted.append((result, request))
        return granted

    def _protected(self, request: Request, tasks: TasksData) -> str | None:
        """Whether a protected task would feel what is asked for another one."""
        if request.affects is None or request.back or not self._envelope.protected:
            return None
        inside = self._rdt.inside(request.affects, tasks)
        felt = any(self._envelope.protects(tasks[task_id].labels) for task_id in inside)
        return "protected" if felt else None

    def _ask(self, result: Result, request: Request, tasks: TasksData) -> Ask:
        return Ask(
            result.task_id,
            AllocationType(result.type),
            request.amount,
            request.now,
            tasks[result.task_id].labels,
            request.back,
            self._policy.decides,
        )

    def _make_room(
        self, granted: Sequence[tuple[Result, Request]], entries: Mapping[str, Entry]
    ) -> None:
        """What fails here lets the request fail that needs it."""
        ids = [result.task_id for result, _ in granted if result.type == AllocationType.RDT]
        try:
            writes = self._rdt.room(ids, entries) if ids else []
        except NotAvailable:
            return
        failed = self._gate.apply(writes)
        moved = {one.path: one.new for one in writes if (one.task_id, one.type) not in failed}
        for _, request in granted:
            request.current |= {path: moved[path] for path in moved.keys() & request.current}

    def _carry_out(
        self, granted: Sequence[tuple[Result, Request]], entries: Mapping[str, Entry]
    ) -> None:
        if self._policy.act:
            self._make_room(granted, entries)
        current: dict[str, str] = {}
        for _, request in granted:
            current |= request.current
        planned = plan([request.wanted for _, request in granted], current)
        failed = {
            key: f"{other} wants another value in the same file"
            for key, other in planned.conflicts.items()
        }
        if self._policy.act:
            whole = self._policy.all_or_nothing
            failed |= self._gate.apply(planned.writes, whole=whole)
        done = Outcome.APPLIED if self._policy.act else Outcome.WOULD
        for result, _ in granted:
            key = (result.task_id, result.type)
            result.writes = [one for one in planned.writes if (one.task_id, one.type) == key]
            if key in failed:
                _failed(result, failed[key])
            else:
                result.outcome = done


def _failed(result: Result, reason: str) -> Result:
    result.outcome, result.reason = Outcome.FAILED, reason
    return result
