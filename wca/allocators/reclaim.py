"""``MemoryReclaimAllocator``: takes memory that tasks do not use, as far as they do not feel it."""

import logging
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from wca.allocators.api import AllocationType, Allocator, TasksAllocations
from wca.allocators.tiers import Tier, Tiers
from wca.allocators.windows import number
from wca.config.types import Duration, Numeric
from wca.detectors.api import Anomaly, TaskData, TasksData
from wca.errors import ValidationError
from wca.metrics import CATALOGUE, Metric
from wca.platforms.api import Platform

__all__ = ["MemoryReclaimAllocator"]

_log = logging.getLogger(__name__)
_PAGE = 4096
_MEBIBYTE = 1 << 20
_SHARE, _STEP = Numeric(1e-6, 0.5), Numeric(1e-6, 0.2)
_TIME = Duration(0.1, 3600)
_HIGH, _MAX = AllocationType.MEMORY_HIGH, AllocationType.MEMORY_MAX
_RECLAIM = AllocationType.MEMORY_RECLAIM
_USAGE = "task_mem_usage_bytes"

#: Limits of our own that are remembered, and intervals without numbers until that is told.
_LATELY, _MISSING = 16, 3

Limits = tuple[Any, Any]


@dataclass
class _Probe:
    """What is known of one task.

    Args:
        begun: monotonic time at which the round began.
        stalled: seconds for which it waited for memory so far in this round.
        total: the same since the task began, as read last.
        missing: intervals in a row without numbers.
        rest: monotonic time until which it is left alone.
        limits: ``memory_high`` and ``memory_max`` that were in force last; None: not seen yet.
        before: ``memory_high`` before we asked for any; None: we have not.
        asked: what is asked for; None: nothing, or what was before.
        ours: all that was asked for lately: a write of it may come late.
    """

    begun: float
    stalled: float = 0.0
    total: float | None = None
    missing: int = 0
    rest: float = -math.inf
    limits: Limits | None = None
    before: Any = None
    asked: int | None = None
    ours: deque[int] = field(default_factory=lambda: deque(maxlen=_LATELY))

    def begin(self, now: float, rest: float = 0.0) -> None:
        """Begin a round, after a rest."""
        self.begun, self.stalled = now, 0.0
        self.rest = max(self.rest, now + rest)

    def felt(self, now: float) -> str:
        """What the task has felt in this round, in words."""
        return f"it waited {self.stalled:.3g} s for memory in {now - self.begun:.3g} s"

    def changed_by_others(self, high: Any, most: Any) -> bool:
        """Whether a limit is in force that was not there before, and that we have not asked for."""
        known, self.limits = self.limits, (high, most)
        if known is None or known == self.limits:
            return False
        return most != known[1] or high not in (known[0], self.before, *self.ours)


class MemoryReclaimAllocator(Allocator):
    """Takes from best-effort tasks the memory that they do not use, and stops when they feel it.

    In rounds of ``every`` it takes a small share of what a task uses: less, the more the task has
    waited for memory in the round (``memory.pressure``); nothing once it has waited for more than
    ``pressure`` of the time. Then it backs off at once, gives a limit back, and leaves the task
    alone for ``rest``. So it does when somebody else changes a memory limit of the task. Needs
    cgroup v2. The method is that of senpai and of TMO (Weiner et al., ASPLOS 2022).

    Args:
        tiers: which tasks are best-effort; only those are touched. Left out: pods of Kubernetes
            without any request or limit.
        by: ``memory_reclaim`` takes so many bytes and leaves nothing behind; ``memory_high`` sets a
            limit, which lasts, and is held against the pauses and decisions of the envelope.
        pressure: share of the time that a task may wait for memory.
        kind: whether a task waits when ``some`` or all (``full``) of its threads do.
        every: seconds of one round.
        share: of what a task uses, the most that is taken in one round.
        least: bytes that every task keeps.
        rest: seconds for which a task that felt it is left alone.

    Raises:
        ValidationError: ``rest`` is shorter than a round.
    """

    def __init__(
        self,
        tiers: Tiers | None = None,
        by: Literal["memory_reclaim", "memory_high"] = "memory_reclaim",
        pressure: Annotated[float, _SHARE] = 0.001,
        kind: Literal["some", "full"] = "some",
        every: Annotated[float, _TIME] = 6.0,
        share: Annotated[float, _STEP] = 0.01,
        least: Annotated[int, Numeric(_PAGE, None)] = 100 * _MEBIBYTE,
        rest: Annotated[float, _TIME] = 60.0,
    ) -> None:
        if rest < every:
            raise ValidationError(f"rest: {rest:g} s is shorter than a round of {every:g} s")
        self.tiers = tiers or Tiers()
        self.by = by
        self.pressure = pressure
        self.kind = kind
        self.every = every
        self.share = share
        self.least = least
        self.rest = rest
        self._probes: dict[str, _Probe] = {}
        self._now = -math.inf
        self._reasons: dict[tuple[str, str], str] = {}
        self._bytes = 0

    def allocate(
        self, platform: Platform, tasks_data: TasksData
    ) -> tuple[TasksAllocations, Sequence[Anomaly], Sequence[Metric]]:
        """Ask for a little less of each best-effort task that does not feel it."""
        self._reasons = {}
        now = platform.monotonic
        if now < self._now:  # a clock that began anew: another run
            self._probes = {}
        if now == self._now:
            return {}, [], []
        self._now = now
        chosen = {
            task_id: task
            for task_id, task in tasks_data.items()
            if self.tiers.of(task) is Tier.BEST_EFFORT
        }
        self._probes = {key: probe for key, probe in self._probes.items() if key in chosen}
        answer: TasksAllocations = {}
        for task_id, task in chosen.items():
            asked = self._look(self._probes.setdefault(task_id, _Probe(now)), task)
            if asked:
                answer[task_id] = asked
        return answer, [], self._metrics(chosen)

    def reasons(self) -> Mapping[tuple[str, str], str]:
        """Why it asks for what its last answer has, by task id and type."""
        return self._reasons

    def _look(self, probe: _Probe, task: TaskData) -> dict[AllocationType, Any]:
        """What is asked for one task."""
        total = number(task.measurements.get(f"task_psi_memory_{self.kind}_seconds"))
        usage = number(task.measurements.get(_USAGE))
        last, probe.total = probe.total, total
        if probe.changed_by_others(task.allocations.get(_HIGH), task.allocations.get(_MAX)):
            probe.before = probe.asked = None
            probe.begin(self._now, self.rest)
            return {}
        if total is None or usage is None:
            self._tell(probe, task)
            return self._back(probe, task, "its memory is not measured")
        probe.missing = 0
        if last is None or total < last:
            probe.begin(self._now)
            return self._wanted(probe, task)
        probe.stalled += total - last
        if probe.stalled > self.pressure * self.every:
            felt = probe.felt(self._now)
            probe.begin(self._now, self.rest)
            return self._back(probe, task, felt)
        if self._now < probe.rest:
            probe.begin(self._now)
        if self._now - probe.begun < self.every:
            return self._wanted(probe, task)
        return self._step(probe, task, usage)

    def _step(self, probe: _Probe, task: TaskData, usage: float) -> dict[AllocationType, Any]:
        """The end of a round in which the task has felt little."""
        left = 1 - probe.stalled / (self.pressure * self.every)
        size = min(usage * self.share * left, usage - self.least)
        felt = probe.felt(self._now)
        probe.begin(self._now)
        if size < _PAGE:
            return self._wanted(probe, task)
        if self.by == _RECLAIM:
            taken = int(size) // _PAGE * _PAGE
            self._bytes += taken
            return self._because(task, _RECLAIM, taken, felt)
        return self._limit(probe, task, int(usage - size), felt)

    def _limit(
        self, probe: _Probe, task: TaskData, limit: int, felt: str
    ) -> dict[AllocationType, Any]:
        """A limit of so many bytes; one that is lower already stays."""
        limit = max(self.least, limit) // _PAGE * _PAGE
        here = number(task.allocations.get(_HIGH))
        if here is not None and here <= limit:
            return self._wanted(probe, task)
        if probe.before is None:
            probe.before = task.allocations.get(_HIGH, "max")
        self._bytes += max(0, int(task.measurements[_USAGE]) - limit)
        probe.asked = limit
        probe.ours.append(limit)
        return self._because(task, _HIGH, limit, felt)

    def _wanted(self, probe: _Probe, task: TaskData) -> dict[AllocationType, Any]:
        """What is asked for until it is in force."""
        if probe.asked is not None:
            return {_HIGH: probe.asked}
        if probe.before is None or task.allocations.get(_HIGH, probe.before) == probe.before:
            return {}
        return {_HIGH: probe.before}

    def _back(self, probe: _Probe, task: TaskData, why: str) -> dict[AllocationType, Any]:
        """Give a limit back."""
        probe.asked = None
        wanted = self._wanted(probe, task)
        return self._because(task, _HIGH, probe.before, why) if wanted else {}

    def _because(
        self, task: TaskData, type_: AllocationType, value: Any, why: str
    ) -> dict[AllocationType, Any]:
        self._reasons[task.task_id, type_.value] = why
        return {type_: value}

    def _tell(self, probe: _Probe, task: TaskData) -> None:
        """Once for each task; a group of cgroup v1 has no pressure."""
        probe.missing += 1
        if probe.missing == _MISSING:
            _log.warning(
                "task %s is left alone: its memory, or how long it waits for it, is not measured, "
                "which takes cgroup v2 with memory.pressure",
                task.task_id,
            )

    def _metrics(self, chosen: TasksData) -> list[Metric]:
        return [
            _metric("allocation_reclaim_tasks", len(chosen)),
            _metric("allocation_reclaim_asked_bytes", self._bytes),
        ]


def _metric(name: str, value: float) -> Metric:
    entry = CATALOGUE[name]
    return Metric(name, value, {}, entry.type, entry.help, entry.unit, entry.granularity)
