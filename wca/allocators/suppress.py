"""``SuppressAllocator``: best-effort tasks get what latency-critical ones leave."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from wca.allocators.api import AllocationType, Allocator, TasksAllocations
from wca.allocators.contending.grips import Grips
from wca.allocators.contending.readings import Readings, mean
from wca.allocators.effects import Effect, Windows, compare
from wca.allocators.exported import catalogued, effect_metrics
from wca.allocators.suppressing import Stage, Stages
from wca.allocators.tiers import Tier, Tiers
from wca.config.types import Duration, Numeric, Ratio
from wca.detectors.api import Anomaly, TaskData, TasksData
from wca.detectors.interfering.sampling import CPU, MEASURES, PSI_CPU, SLI, THROTTLED
from wca.errors import ValidationError
from wca.metrics import Metric
from wca.platforms.api import Platform

__all__ = ["SuppressAllocator"]

_T = AllocationType
_HOLDER = "suppress"
#: Share of throttled periods from which on a task waits for its own quota.
_THROTTLED = 0.1
#: CPUs that best-effort tasks use together when they may be the reason.
_ABLE = 0.05
#: Readings before a stage with which what is after it is compared.
_BEFORE = 5


@dataclass(frozen=True)
class _Pressed:
    """The latency-critical task that waits most.

    Args:
        task_id: its id.
        pressure: share of the time in which some of it waits for a CPU.
    """

    task_id: str
    pressure: float


class SuppressAllocator(Allocator):
    """Holds best-effort tasks back while latency-critical ones wait for CPUs.

    Feedback: while a latency-critical task waits for a CPU more than ``pressure``, or misses its
    objective (``task_sli_normalized`` above 1) and waits at all, best-effort tasks get, one stage
    after the other until it does not, the lowest weight, or the idle class; then only so many CPUs;
    then a quota as well. A stage is left when it was quiet for ``keep``, and twice as late after
    each relapse. Feed-forward: the CPUs and the quota are what the other tasks leave of
    ``target``; they shrink at once, and grow by ``growth`` of the machine in each ``pause``. A task
    that its own quota throttles waits for itself, and is no reason. When all stages have not
    helped, everything is given back.

    Without latency-critical tasks, without pressure, or while best-effort tasks use no CPU, nothing
    is done.

    Args:
        tiers: which tasks matter and which give way; by class of service in Kubernetes when left
            out. Tasks of no known tier are neither.
        idle: the idle class instead of the lowest weight; see ContentionAllocator.
        pressure: share of the time in which some of a latency-critical task waits for a CPU, from
            which on it is too much.
        target: share of the CPUs that all tasks together may use.
        least_cpus: CPUs that best-effort tasks together keep.
        readings: after a stage by which it is judged.
        keep: how long it has to be quiet before a stage is left.
        longest_keep: how long at most, after relapses.
        growth: share of the CPUs by which best-effort tasks get more at a time.
        pause: time between two such steps.

    Raises:
        ValidationError: ``longest_keep`` is less than ``keep``.
    """

    def __init__(
        self,
        tiers: Tiers | None = None,
        idle: bool = False,
        pressure: Annotated[float, Ratio(0.001, 1)] = 0.02,
        target: Annotated[float, Ratio(0.1, 1)] = 0.85,
        least_cpus: Annotated[float, Numeric(0.01, 1000)] = 0.2,
        readings: Annotated[int, Numeric(1, 60)] = 3,
        keep: Annotated[float, Duration(1, 86400)] = 60.0,
        longest_keep: Annotated[float, Duration(1, 86400)] = 3600.0,
        growth: Annotated[float, Ratio(0.01, 1)] = 0.1,
        pause: Annotated[float, Duration(0.1, 3600)] = 10.0,
    ) -> None:
        if longest_keep < keep:
            raise ValidationError(f"longest_keep: {longest_keep:g} s is less than keep: {keep:g} s")
        self.tiers = Tiers() if tiers is None else tiers
        self._weight = (_T.CPU_IDLE, 1) if idle else (_T.SHARES, 0.0)
        self._pressure, self._target, self._least = pressure, target, least_cpus
        self._count, self._growth, self._pause = readings, growth, pause
        self._holds = keep, longest_keep
        self._begin()

    def _begin(self) -> None:
        self._now = float("-inf")
        self._readings, self._grips = Readings(), Grips()
        self._stages = Stages(self._count, *self._holds)
        self._room: float | None = None
        self._grown = 0.0
        self._experiment: tuple[Stage, str, float, list[float]] | None = None
        self._effects: dict[Stage, tuple[str, Effect]] = {}

    def allocate(
        self, platform: Platform, tasks_data: TasksData
    ) -> tuple[TasksAllocations, Sequence[Anomaly], Sequence[Metric]]:
        """Look how much those that matter wait, and hold the others back."""
        now = platform.monotonic
        if now < self._now:
            self._begin()  # a clock that began anew: another run
        if not self._readings.look(platform, tasks_data):
            return self._grips.answer(), [], []
        self._now = now
        self._grips.look(tasks_data)
        tiers = {task_id: self.tiers.of(task) for task_id, task in tasks_data.items()}
        batch = [task for task_id, task in tasks_data.items() if tiers[task_id] is Tier.BEST_EFFORT]
        critical = [one for one, tier in tiers.items() if tier is Tier.LATENCY_CRITICAL]
        self._follow(critical, batch)
        self._size(platform.cpus, [one for one in tasks_data if tiers[one] is not Tier.BEST_EFFORT])
        for task in batch:
            self._grant(task, platform.cpus, batch)
        return self._grips.answer(), [], list(self._metrics())

    def reasons(self) -> Mapping[tuple[str, str], str]:
        """Why it asks for what its last answer has, by task id and type."""
        return self._grips.reasons()

    def _follow(self, critical: Sequence[str], batch: Sequence[TaskData]) -> None:
        """Which stage it is now, and what the last one did."""
        before = self._stages.stage
        pressed = self._pressed(critical)
        if not critical or not batch:
            self._stages.leave()
        else:
            used = sum(self._readings.level(one.task_id, CPU) or 0.0 for one in batch)
            value = None if pressed is None else pressed.pressure
            self._stages.step(self._now, value, self._pressure, able=used >= _ABLE)
        stage = self._stages.stage
        self._measure()
        if stage > before and pressed is not None:
            earlier = self._readings.last(pressed.task_id, PSI_CPU, _BEFORE)
            self._experiment = stage, pressed.task_id, self._now, earlier
        self._effects = {one: found for one, found in self._effects.items() if one <= stage}

    def _pressed(self, critical: Sequence[str]) -> _Pressed | None:
        """Who waits most; one that misses its objective waits too much if it waits at all."""
        found = []
        for task_id in critical:
            lately = self._readings.last(task_id, PSI_CPU, self._count)
            waits = mean(lately) if len(lately) == self._count else None
            throttled = mean(self._readings.last(task_id, THROTTLED, self._count)) or 0.0
            if waits is None or throttled >= _THROTTLED:
                continue
            objective = mean(self._readings.last(task_id, SLI, self._count))
            if objective is not None:
                missed = objective > 1 and waits > self._pressure / 2
                waits = max(waits, 1.01 * self._pressure) if missed else min(waits, self._pressure)
            found.append(_Pressed(task_id, waits))
        return max(found, key=lambda one: (one.pressure, one.task_id), default=None)

    def _size(self, cpus: int, others: Sequence[str]) -> None:
        """CPUs that best-effort tasks may use: less at once, more in steps."""
        if self._stages.stage < Stage.CPUS:
            self._room = None
            return
        used = sum(self._readings.level(one, CPU) or 0.0 for one in others)
        room = max(self._least, self._target * cpus - used)
        step = self._growth * cpus
        if self._room is None or room < self._room - step / 2:
            self._room, self._grown = room, self._now
        elif room >= self._room + step and self._now - self._grown >= self._pause:
            self._room, self._grown = self._room + step, self._now

    def _grant(self, task: TaskData, cpus: int, batch: Sequence[TaskData]) -> None:
        stage = self._stages.stage
        type_, value = self._weight
        self._want(task, type_, value if stage >= Stage.WEIGHT else None)
        room = self._room
        self._want(task, _T.CPUSET_CPUS, None if room is None else self._cpus(task, room))
        quota = None
        if stage >= Stage.QUOTA and room is not None and cpus > 0:
            share = room / len(batch) if batch else room
            quota = min(1.0, max(0.01, share) / cpus)
        self._want(task, _T.QUOTA, quota)

    def _want(self, task: TaskData, type_: AllocationType, value: str | float | None) -> None:
        """Ask for a value, where it takes something; None: give it back."""
        key, now = (task.task_id, type_), task.allocations.get(type_)
        original = self._grips.original(key, task.allocations)
        weightless = type_ is _T.SHARES and task.allocations.get(_T.CPU_IDLE) == 1
        limited = type_ is _T.QUOTA and isinstance(value, float) and value >= (original or 0.0)
        if value is None or now is None or weightless or limited:
            self._grips.drop(key, _HOLDER)
            return
        why = f"latency-critical tasks wait for CPUs: {self._stages.stage.name.lower()}"
        self._grips.ask(key, _HOLDER, value, original, original, why)

    def _cpus(self, task: TaskData, room: float) -> str | None:
        """The last of the CPUs that it had, as many as there is room for."""
        text = self._grips.original((task.task_id, _T.CPUSET_CPUS), task.allocations)
        own = text.split(",") if isinstance(text, str) and text else []
        count = max(1, int(room))
        return ",".join(own[-count:]) if count < len(own) else None

    def _measure(self) -> None:
        """What the last stage did, once there are enough readings after it."""
        if self._experiment is None:
            return
        stage, task_id, since, before = self._experiment
        after = self._readings.values(task_id, PSI_CPU, since)
        if len(after) < self._count:
            return
        effect = compare(MEASURES[PSI_CPU].name, Windows(before, after))
        if effect is not None:
            self._effects[stage] = task_id, effect
        self._experiment = None

    def _metrics(self) -> Iterator[Metric]:
        yield catalogued("allocation_suppress_stage", self._stages.stage.value)
        types = {Stage.WEIGHT: self._weight[0], Stage.CPUS: _T.CPUSET_CPUS, Stage.QUOTA: _T.QUOTA}
        for stage, (task_id, effect) in sorted(self._effects.items()):
            labels = {"contended_task_id": task_id, "allocation_type": str(types[stage])}
            yield from effect_metrics(effect, labels)
