"""From what an allocator asks for to what became of it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from wca.allocations.api import Entry, JournalError
from wca.allocations.arbiter import Arbiter
from wca.allocations.changes import plan
from wca.allocations.contract import Journal
from wca.allocations.encoding import printable, shown, tellable
from wca.allocations.envelope import Ask, Envelope, History
from wca.allocations.events import Events, is_event
from wca.allocations.gate import ALL_OR_NONE, Gate
from wca.allocations.groups import Groups
from wca.allocations.ownership import ForeignWrite, Ownership
from wca.allocations.request import Refused, Request
from wca.allocations.requests import Requests
from wca.allocations.resctrl.files import RdtFiles
from wca.allocations.resctrl.keeper import Keeper
from wca.allocations.resctrl.rdt import Rdt
from wca.allocations.results import Outcome, Result
from wca.allocations.wishes import Wishes
from wca.allocators.api import AllocationType, RDTAllocation
from wca.detectors.api import TasksData
from wca.errors import NotAvailable

__all__ = ["Performer", "Policy"]

log = logging.getLogger(__name__)


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
        events: what is done that is no state.
        rdt: what is asked for in resctrl.
        arbiter: says what somebody else has written; one that yields when left out.
        history: what was done before; nothing when left out.
    """

    def __init__(
        self,
        groups: Groups,
        files: RdtFiles,
        gate: Gate,
        journal: Journal,
        envelope: Envelope,
        policy: Policy,
        events: Events,
        rdt: Rdt,
        arbiter: Arbiter | None = None,
        history: History | None = None,
    ) -> None:
        self._requests = Requests(groups, files, rdt)
        self._rdt = rdt
        self._gate = gate
        self._journal = journal
        self._envelope = envelope
        self._policy = policy
        self._events = events
        self._history = history or History()
        self._arbiter = arbiter or Arbiter(files, journal, gate, Ownership())
        self._keeper = Keeper(files, gate, journal, rdt, self._arbiter.is_theirs)
        self._wishes = Wishes()
        self._said = False

    def perform(
        self,
        asked: Mapping[str, Mapping[Any, Any]] | None,
        tasks: TasksData,
        now: float,
        held: str = "",
    ) -> list[Result]:
        """Do what is asked for, as far as it can and may be done.

        Args:
            asked: values by type by task id; None: nobody has answered.
            tasks: those that there are.
            now: monotonic time in seconds.
            held: why nothing may be written now; empty: it may.

        Returns:
            One result for each request, and what has failed without one.
        """
        self._history.keep(tasks, now - self._envelope.longest_pause)
        self._wishes.keep(tasks)
        self._say_unprotected(tasks)
        results = [
            Result(printable(str(task_id)), printable(str(type_)), value)
            for task_id, one in (asked or {}).items()
            for type_, value in one.items()
        ]
        kept: list[Result] = []
        try:
            entries = self._arbiter.look(tasks, now)
            if self._policy.act and not held:
                kept = self._keeper.keep(_ours(entries), now)
                entries = self._arbiter.known(now)
        except JournalError as error:
            return [_failed(one, f"the journal cannot be read: {error}") for one in results]
        self._rdt.begin(asked or {}, tasks, _ours(entries))
        asks = [
            (one, self._understood(one, tasks, entries))
            for one in results
            if not is_event(one.type)
        ]
        granted = self._granted(asks, tasks, now, held)
        self._history.save()
        self._carry_out(granted, results, _ours(entries))
        if asked is not None:  # else what is not asked for now would be new the next time
            events = [one for one in results if is_event(one.type)]
            self._events.perform(events, tasks, now, held)
            for one in events:
                one.value = tellable(one.value)
        asked_paths = {path for _, request in asks if request for path in request.current}
        self._arbiter.settle(asked_paths, now, quiet=bool(held) or not self._policy.act)
        return [*results, *kept]

    def _say_unprotected(self, tasks: TasksData) -> None:
        """Once: a label that nobody carries, as one that is misspelt, protects nobody."""
        if not tasks or self._said:
            return
        self._said = True
        for name in self._envelope.protected:
            if not any(name in task.labels for task in tasks.values()):
                log.warning("envelope: protected: no task has the label %s: see its spelling", name)

    @property
    def foreign_writes(self) -> Sequence[ForeignWrite]:
        """What somebody else has written, as it was found in the last interval."""
        return self._arbiter.found

    @property
    def yielded(self) -> int:
        """Files that are left to somebody else."""
        return self._arbiter.yielded

    def _understood(
        self, result: Result, tasks: TasksData, entries: Mapping[str, Entry]
    ) -> Request | None:
        task = tasks.get(result.task_id)
        if task is None:
            _refused(result, "there is no such task")
            return None
        try:
            type_ = AllocationType(result.type)
        except ValueError:
            _refused(result, f"there is no allocation type {result.type[:60]!r}")
            return None
        try:
            request = self._requests.request(task, type_, result.value, entries)
        except Refused as error:
            _refused(result, str(error))
            return None
        except Exception as error:  # noqa: BLE001 - a plugin's value: it costs no other request
            _refused(result, f"{type(error).__name__} for {shown(result.value)}")
            return None
        result.before, result.after = request.before, request.after
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
            if request is None:
                continue
            if not self._policy.act and self._wishes.stands(request) and not held:
                granted.append((result, request))
                continue
            if not request.changes:  # and yet no other one may change it in this interval
                granted.append((result, request))
                continue
            ask = self._ask(result, request, tasks)
            theirs = request.foreign or self._arbiter.is_theirs(request.current, now)
            clause = held or ("foreign" if theirs else None)
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
            request.measures,
        )

    def _make_room(
        self, granted: Sequence[tuple[Result, Request]], entries: Mapping[str, Entry]
    ) -> None:
        """What fails here lets the request fail that needs it."""
        ids = [
            result.task_id
            for result, request in granted
            if result.type == AllocationType.RDT and request.changes
        ]
        try:
            writes = self._rdt.room(ids, entries) if ids else []
        except NotAvailable:
            return
        failed = self._gate.apply(writes)
        moved = {one.path: one.new for one in writes if (one.task_id, one.type) not in failed}
        for _, request in granted:
            request.current |= {path: moved[path] for path in moved.keys() & request.current}

    def _carry_out(
        self,
        granted: Sequence[tuple[Result, Request]],
        results: Sequence[Result],
        entries: Mapping[str, Entry],
    ) -> None:
        whole = self._policy.all_or_nothing
        spoilt = whole and any(one.outcome is Outcome.FAILED for one in results)
        if self._policy.act and not spoilt:
            self._make_room(granted, entries)
        current: dict[str, str] = {}
        for _, request in granted:
            current |= request.current
        planned = plan([request.wanted for _, request in granted], current)
        failed = {
            key: f"{other} wants another value in the same file"
            for key, other in planned.conflicts.items()
        }
        if spoilt or (whole and failed):
            # What was there before the agent is given back all the same.
            planned = plan([one.wanted for _, one in granted if one.back], current)
            failed = {_key(one): ALL_OR_NONE for one, asked in granted if not asked.back} | failed
            whole = False
        if self._policy.act:
            failed |= self._gate.apply(planned.writes, whole=whole)
        planned.share(failed)
        done = Outcome.APPLIED if self._policy.act else Outcome.WOULD
        for result, request in granted:
            key = _key(result)
            result.writes = [one for one in planned.writes if (one.task_id, one.type) == key]
            if key in failed:
                _failed(result, failed[key])
            elif request.changes:
                result.outcome = done
                if not self._policy.act:
                    self._wishes.add(request)


def _key(result: Result) -> tuple[str, str]:
    return result.task_id, result.type


def _refused(result: Result, reason: str) -> None:
    """It failed before it was known whether its value is one."""
    _failed(result, reason)
    value = result.value
    if isinstance(value, RDTAllocation):
        texts = {one.name: tellable(getattr(value, one.name)) for one in fields(value)}
        result.value = RDTAllocation(**texts)
    else:
        result.value = tellable(value)


def _ours(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """What is in force, without what is somebody else's now."""
    return {path: entry for path, entry in entries.items() if entry.values}


def _failed(result: Result, reason: str) -> Result:
    result.outcome, result.reason = Outcome.FAILED, reason
    return result
