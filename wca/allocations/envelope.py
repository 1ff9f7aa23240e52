"""The bounds that no allocator can leave. Pure: knows no time but what it is told."""

import math
import re
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from wca.allocators.api import EVENTS, AllocationType
from wca.config.types import Duration, Numeric
from wca.errors import ValidationError

__all__ = ["Ask", "Envelope", "History", "Measure"]

_HOUR, _DAY = 3600, 86400
_PAUSE = Duration(0, _DAY)
_MEBIBYTE = 1 << 20
_STEP = Numeric(0, 1)
N = TypeVar("N", int, float)
_COUNT = Numeric(0, 10_000)
_BOUND = Numeric(0, None)
_WITHOUT_AMOUNT = (AllocationType.MIGRATE_PAGES, AllocationType.KILL)

#: What every task keeps, unless the file says otherwise.
_MINIMUMS = {
    AllocationType.QUOTA: 0.01,
    AllocationType.MEMORY_MAX: 16 * _MEBIBYTE,
    AllocationType.MEMORY_HIGH: 16 * _MEBIBYTE,
    AllocationType.PIDS_MAX: 8,
    AllocationType.RDT: 0.05,
}
#: How many of each type there may be in an hour: nobody is killed unless the file says so.
_EVENTS_PER_HOUR = {
    AllocationType.MIGRATE_PAGES: 12,
    AllocationType.MEMORY_RECLAIM: 600,
    AllocationType.KILL: 0,
}
#: Seconds for which a change holds before the same is shrunk, or grown, again.
_SHRINK_PAUSE, _GROW_PAUSE = 10.0, 60.0
#: Of the value before: how much less, or more, may be granted in one step.
_SHRINK_STEP, _GROW_STEP = 1.0, 0.5


#: How much may be added at least where a share of what there is would be less than one: from a CPU
#: to the second, from the least weight to the next one. From 0 anything is one step.
_LEAST_STEPS = {
    AllocationType.SHARES: 0.03,  # one of cpu.weight
    AllocationType.CPU_WEIGHT: 1,
    AllocationType.IO_WEIGHT: 1,
    AllocationType.CPUSET_CPUS: 1,
    AllocationType.CPUSET_MEMS: 1,
    AllocationType.PIDS_MAX: 1,
}
#: Types that are the weight of a group, whichever name it is changed by.
_WEIGHTS = (AllocationType.SHARES, AllocationType.CPU_WEIGHT, AllocationType.CPU_IDLE)


def _as_it_is(bound: float) -> float:
    return bound


@dataclass(frozen=True)
class Measure:
    """How much a request is as one type of those that share its file.

    Args:
        type: of allocation.
        amount: how much.
        rounded: gives a bound as the kernel would have it: a task may be granted exactly that.
    """

    type: AllocationType
    amount: float
    rounded: Callable[[float], float] = _as_it_is


@dataclass(frozen=True)
class Ask:
    """A request, as the envelope sees it.

    Args:
        task_id: whose.
        type: of allocation.
        amount: how much is asked for; of cpusets how many, of ``cpu_idle`` 0 for the idle class.
        now: how much is in force; None: not known.
        labels: of the task.
        back: whether it is what was there before the agent: that is never refused.
        decided: whether the allocator has decided it by itself.
        measures: how much it is, as each type of which bounds hold for it; nothing: as its own.
    """

    task_id: str
    type: AllocationType
    amount: float
    now: float | None
    labels: Mapping[str, str]
    back: bool = False
    decided: bool = True
    measures: Sequence[Measure] = ()

    @property
    def what(self) -> tuple[str, str]:
        """What is changed: types that share a file share their pauses."""
        return self.task_id, _WEIGHTS[0] if self.type in _WEIGHTS else self.type

    @property
    def grows(self) -> bool:
        """Whether the task would get more."""
        return self.now is not None and self.amount > self.now


class History:
    """What was changed before."""

    def __init__(self) -> None:
        self._decisions: deque[float] = deque()
        self._events: dict[str, deque[float]] = {}
        self._last: dict[tuple[str, str], float] = {}

    def record(self, ask: Ask, now: float, counted: set[str]) -> None:
        """A request was granted.

        Args:
            ask: which.
            now: monotonic time in seconds.
            counted: tasks whose decision in this interval is counted already; takes this one.
        """
        self._last[ask.what] = now
        if ask.decided and not ask.back and ask.task_id not in counted:
            counted.add(ask.task_id)
            self._decisions.append(now)

    def decisions(self, now: float) -> int:
        """How many decisions were made in the day before this time."""
        while self._decisions and self._decisions[0] <= now - _DAY:
            self._decisions.popleft()
        return len(self._decisions)

    def record_event(self, ask: Ask, now: float) -> None:
        """An event was granted, at this monotonic time in seconds."""
        self._events.setdefault(ask.type, deque()).append(now)

    def take_back_event(self, ask: Ask) -> None:
        """The one that was granted last was not begun."""
        self._events[ask.type].pop()

    def events(self, ask: Ask, now: float) -> int:
        """How many events of its type there were in the hour before this time."""
        past = self._events.get(ask.type, deque())
        while past and past[0] <= now - _HOUR:
            past.popleft()
        return len(past)

    def since(self, ask: Ask, now: float) -> float:
        """Seconds since the same was changed last."""
        return now - self._last.get(ask.what, -math.inf)

    def keep(self, task_ids: Collection[str], since: float) -> None:
        """Forget tasks but these, unless something of theirs was changed after that time."""
        self._last = {
            key: time for key, time in self._last.items() if key[0] in task_ids or time > since
        }

    def save(self) -> None:
        """Keep it for the next run; this one is forgotten."""

    def dump(self, time_of: Callable[[float], float]) -> dict[str, Any]:
        """As plain data.

        Args:
            time_of: gives for a monotonic time the one that is to be kept.
        """
        return {
            "decisions": [time_of(time) for time in self._decisions],
            "changes": [[*what, time_of(time)] for what, time in self._last.items()],
            "events": {name: list(map(time_of, past)) for name, past in self._events.items()},
        }

    def load(self, state: Mapping[str, Any], time_of: Callable[[float], float]) -> None:
        """Take over what ``dump`` has given.

        Args:
            state: that.
            time_of: gives the monotonic time for one that was kept.

        Raises:
            ValidationError: it is no such thing.
        """
        try:
            decisions = sorted(time_of(_finite(time)) for time in state["decisions"])
            last = {
                (str(task_id), str(what)): time_of(_finite(time))
                for task_id, what, time in state["changes"]
            }
            events = {
                str(name): deque(sorted(time_of(_finite(time)) for time in past))
                for name, past in state["events"].items()
            }
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValidationError(f"it is damaged: {type(error).__name__}") from None
        self._decisions, self._last, self._events = deque(decisions), last, events


class Envelope:
    """What may be asked for at all; the rest is rejected, with the name of the clause.

    To give back what was there before the agent is never refused. Steps, pauses and the number of
    decisions hold for allocators that decide by themselves, the other clauses for all.

    Args:
        protected: label to regular expression; a task whose whole value of one of them matches is
            left alone.
        minimums: by type the least that a task keeps, of cpusets the number of CPUs; those that are
            left out have their defaults: ``cpu_quota`` 0.01, ``memory_max`` and ``memory_high``
            16 MiB, ``pids_max`` 8, ``rdt`` 0.05. The amount of ``rdt`` is the smallest share of a
            cache's ways, or of the bandwidth where that is in percent, in any domain.
        maximums: by type the most that a task is granted.
        shrink_step: how much of a value may be taken in one step, as a share of it; not of
            ``cpu_idle``.
        grow_step: how much may be added in one step, as a share of it; where that is less than
            one, one: a CPU, a step of the weight, a process.
        shrink_pause: how long a change holds before the same is shrunk again.
        grow_pause: how long a change holds before the same is grown again.
        decisions_per_day: tasks at most for which something is decided within 24 hours; several
            changes of one task in one interval are one decision.
        events_per_hour: by type how many events there may be within an hour, whoever has decided
            them; those that are left out have their defaults: ``migrate_pages`` 12,
            ``memory_reclaim`` 600, ``kill`` 0.
    """

    def __init__(
        self,
        protected: dict[str, str] | None = None,
        minimums: dict[AllocationType, float] | None = None,
        maximums: dict[AllocationType, float] | None = None,
        shrink_step: Annotated[float, _STEP] = _SHRINK_STEP,
        grow_step: Annotated[float, Numeric(0, None)] = _GROW_STEP,
        shrink_pause: Annotated[float, _PAUSE] = _SHRINK_PAUSE,
        grow_pause: Annotated[float, _PAUSE] = _GROW_PAUSE,
        decisions_per_day: Annotated[int, _COUNT] = 4,
        events_per_hour: dict[AllocationType, Annotated[int, _COUNT]] | None = None,
    ) -> None:
        if grow_pause < shrink_pause:
            raise ValidationError("growth is slower than shrinking: grow_pause >= shrink_pause")
        self.protected = {name: _compiled(name, text) for name, text in (protected or {}).items()}
        self.minimums = _MINIMUMS | _bounds("minimums", minimums)
        self.maximums = _bounds("maximums", maximums)
        for type_, most in self.maximums.items():
            least = self.minimums.get(type_, 0)
            if most < least:
                raise ValidationError(
                    f"maximums: {type_}: {most:g} is less than its minimum of {least:g}"
                )
        self.shrink_step = shrink_step
        self.grow_step = grow_step
        self.shrink_pause = shrink_pause
        self.grow_pause = grow_pause
        self.decisions_per_day = decisions_per_day
        self.events_per_hour = _EVENTS_PER_HOUR | _by_type(events_per_hour)
        for type_ in self.events_per_hour.keys() - EVENTS:
            raise ValidationError(f"events_per_hour: {type_} is no event, remove it")

    @property
    def longest_pause(self) -> float:
        """Seconds for which a change matters at most."""
        return max(self.shrink_pause, self.grow_pause)

    def refuses(self, ask: Ask, history: History, now: float, counted: set[str]) -> str | None:
        """The name of the clause that a request breaks; None: it may be granted.

        Args:
            ask: the request; something that is in force already is no question.
            history: what was granted before.
            now: monotonic time in seconds.
            counted: tasks with a decision in this interval.
        """
        if ask.back:
            return None
        return self._bound(ask) or (self._pace(ask, history, now, counted) if ask.decided else None)

    def protects(self, labels: Mapping[str, str]) -> bool:
        """Whether a task with these labels is left alone."""
        return any(
            name in labels and pattern.fullmatch(labels[name])
            for name, pattern in self.protected.items()
        )

    def refuses_event(self, ask: Ask, history: History, now: float) -> str | None:
        """As ``refuses``, for an event: steps and pauses are of states, and so are decisions.

        Args:
            ask: the request; its amount is that of ``memory_reclaim``.
            history: what was granted before.
            now: monotonic time in seconds.
        """
        spent = history.events(ask, now) >= self.events_per_hour[ask.type]
        return self._bound(ask) or ("events_per_hour" if spent else None)

    def _bound(self, ask: Ask) -> str | None:
        if self.protects(ask.labels):
            return "protected"
        measures = ask.measures or [Measure(ask.type, ask.amount)]
        if any(m.amount < m.rounded(self.minimums.get(m.type, -math.inf)) for m in measures):
            return "minimums"
        if any(m.amount > m.rounded(self.maximums.get(m.type, math.inf)) for m in measures):
            return "maximums"
        return None

    def _pace(self, ask: Ask, history: History, now: float, counted: set[str]) -> str | None:
        since = history.since(ask, now)
        if since < (self.grow_pause if ask.grows else self.shrink_pause):
            return "grow_pause" if ask.grows else "shrink_pause"
        if self._too_far(ask):
            return "grow_step" if ask.grows else "shrink_step"
        spent = history.decisions(now) >= self.decisions_per_day
        return "decisions_per_day" if spent and ask.task_id not in counted else None

    def _too_far(self, ask: Ask) -> bool:
        """Whether it is more than a step away; from or to no limit, or from 0, is one step."""
        if ask.type is AllocationType.CPU_IDLE or ask.now is None:
            return False
        if math.isinf(ask.now) or math.isinf(ask.amount) or ask.now <= 0:  # no share of nothing
            return False
        step = (self.grow_step if ask.grows else self.shrink_step) * ask.now
        if ask.grows and self.grow_step:
            step = max(step, _LEAST_STEPS.get(ask.type, 0.0))
        return abs(ask.amount - ask.now) > step * (1 + 1e-9)


def _finite(time: Any) -> float:
    number = float(time)
    if not math.isfinite(number):
        raise ValueError
    return number


def _bounds(
    field: str, given: Mapping[AllocationType, float] | None
) -> dict[AllocationType, float]:
    found = _by_type(given)
    for type_, bound in found.items():
        try:
            _BOUND.check(bound)
        except ValidationError as error:
            raise ValidationError(f"{field}: {type_}: {error}") from None
        if type_ in _WITHOUT_AMOUNT:
            raise ValidationError(f"{field}: {type_} has no amount, remove it")
    return found


def _by_type(given: Mapping[AllocationType, N] | None) -> dict[AllocationType, N]:
    return {AllocationType(name): value for name, value in (given or {}).items()}


def _compiled(name: str, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ValidationError(f"protected: {name}: no regular expression: {error}") from None
