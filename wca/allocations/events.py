"""Requests that are no states: done once, counted by the hour, told, and never undone."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wca.allocations.actions import Action, Actions
from wca.allocations.encoding import shown
from wca.allocations.envelope import Ask, Envelope, History
from wca.allocations.results import Outcome, Result
from wca.allocations.slow import SlowWrites
from wca.allocators.api import EVENTS, AllocationType
from wca.detectors.api import TasksData
from wca.errors import WcaError

__all__ = ["Events", "is_event"]

#: What is done in every interval in which it is asked for.
_REPEATED = frozenset({AllocationType.MEMORY_RECLAIM})
_LATE = "the kernel has not finished it in time"

Key = tuple[str, str]


def is_event(type_: str) -> bool:
    """Whether a type of allocation is an event."""
    return type_ in EVENTS


@dataclass
class _Job:
    """One event that was granted; filled on the thread that does it.

    Args:
        ask: what for.
        value: what was asked for.
        action: does it.
        begun: whether it was begun.
        finished: whether it is done.
        problem: why it failed.
        told: what came of it.
    """

    ask: Ask
    value: int | str
    action: Action
    begun: bool = False
    finished: bool = False
    problem: str = ""
    told: str = ""

    def run(self) -> None:
        """Do it; whatever comes of it is kept."""
        try:
            self.told = self.action()
        except WcaError as error:
            self.problem = str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this event only
            self.problem = f"{type(error).__name__}: {error}"
        self.finished = True


class _Batch:
    """Events that are done one after the other, until there is no time left."""

    def __init__(self, jobs: Sequence[_Job]) -> None:
        self._jobs = jobs
        self._lock = threading.Lock()
        self._ended = False

    def run(self) -> None:
        """Do them; on the thread of their type."""
        for job in self._jobs:
            with self._lock:
                if self._ended:  # the hold file may be there by now
                    return
                job.begun = True
            job.run()

    def end(self) -> None:
        """Begin no other from now on."""
        with self._lock:
            self._ended = True


class Events:
    """Grants events and does them, each type on a thread of its own.

    An event is done when it is asked for and was not in the interval before; ``memory_reclaim`` in
    every interval. One that was refused by a clause is done as soon as it may be, if it is still
    asked for; one that failed is not tried again.

    Args:
        actions: how they are done.
        envelope: the bounds.
        act: whether they are done at all.
        slow: makes the thread of a type, with the seconds that are waited for it in an interval.
        history: what was done before; nothing when left out.
    """

    def __init__(
        self,
        actions: Actions,
        envelope: Envelope,
        *,
        act: bool,
        slow: Callable[[], SlowWrites] = SlowWrites,
        history: History | None = None,
    ) -> None:
        self._actions = actions
        self._envelope = envelope
        self._act = act
        self._history = history or History()
        self._threads = {type_: slow() for type_ in sorted(EVENTS)}
        self._asked: dict[Key, _Job] = {}

    def perform(
        self, results: Sequence[Result], tasks: TasksData, now: float, held: str = ""
    ) -> None:
        """Do what is asked for, as far as it can and may be done, and fill the results.

        Args:
            results: one for each event that is asked for in this interval.
            tasks: those that there are.
            now: monotonic time in seconds.
            held: why nothing may be done now; empty: it may.
        """
        asked = {(one.task_id, one.type) for one in results}
        self._asked = {key: job for key, job in self._asked.items() if key in asked}
        due: dict[AllocationType, list[tuple[Result, _Job]]] = {}
        for result in results:
            job = self._granted(result, tasks, now, held)
            if job is not None:
                due.setdefault(AllocationType(result.type), []).append((result, job))
        self._history.save()
        for type_, jobs in due.items():
            self._run(type_, jobs)

    def close(self, timeout: float) -> None:
        """End the threads; one that hangs in the kernel is left behind."""
        for thread in self._threads.values():
            thread.close(timeout / len(self._threads))

    def _granted(self, result: Result, tasks: TasksData, now: float, held: str) -> _Job | None:
        """A new job; None: there is nothing to be done, and the result says why."""
        type_, key = AllocationType(result.type), (result.task_id, result.type)
        try:
            value = self._actions.value(type_, result.value)
            known = self._asked.get(key)
            if known is not None and known.value == value and type_ not in _REPEATED:
                _tell(result, known, Outcome.UNCHANGED)
                return None
            action = self._prepared(result, tasks, value)
        except WcaError as error:
            _fail(result, str(error))
            return None
        except Exception as error:  # noqa: BLE001 - a plugin's value: it costs no other request
            _fail(result, f"{type(error).__name__} for {shown(result.value)}")
            return None
        labels = tasks[result.task_id].labels
        ask = Ask(result.task_id, type_, _amount(value), None, labels)
        clause = held or self._envelope.refuses_event(ask, self._history, now)
        if clause:
            result.outcome, result.reason = Outcome.REJECTED, clause
            return None
        if self._threads[type_].busy:
            _fail(result, "an earlier one has not finished")
            return None
        self._history.record_event(ask, now)
        self._asked[key] = job = _Job(ask, value, action)
        return job

    def _prepared(self, result: Result, tasks: TasksData, value: int | str) -> Action:
        task = tasks.get(result.task_id)
        if task is None:
            raise WcaError("there is no such task")
        return self._actions.prepare(task, AllocationType(result.type), value)

    def _run(self, type_: AllocationType, jobs: Sequence[tuple[Result, _Job]]) -> None:
        batch = _Batch([job for _, job in jobs])
        if self._act and not self._threads[type_].do(batch.run):
            batch.end()
        for result, job in jobs:
            if not self._act:
                result.outcome, job.finished = Outcome.WOULD, True
            elif job.begun:
                _tell(result, job, Outcome.APPLIED)
            else:
                _fail(result, "no time was left for it")
                self._history.take_back_event(job.ask)
                del self._asked[result.task_id, result.type]


def _tell(result: Result, job: _Job, done: Outcome) -> None:
    """What became of an event that was begun."""
    if not job.finished:
        _fail(result, _LATE)
    elif job.problem:
        _fail(result, job.problem)
    else:
        result.outcome, result.reason = done, job.told


def _fail(result: Result, reason: str) -> None:
    result.outcome, result.reason = Outcome.FAILED, reason


def _amount(value: int | str) -> float:
    return float(value) if isinstance(value, int) else 0.0
