"""One thing done to one task for one victim, from the request to giving it back."""

import enum
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from wca.allocators.contending.grips import Grips, Key
from wca.allocators.contending.levers import Begun, Lever, Sight
from wca.allocators.contending.options import Options
from wca.allocators.contending.readings import Readings
from wca.allocators.effects import Effect
from wca.detectors.api import TasksData
from wca.detectors.interfering import sampling

__all__ = ["Action", "Phase", "Scene", "begin_action"]

#: Readings of a task by which it is seen that it has stopped, and what share of what it did.
_STOPPED, _SHARE = 5, 1 / 3
#: CPUs below which a task does nothing, and share of the time that one waits which wants more.
_NOTHING, _WAITS = 0.02, 0.1


class Phase(enum.StrEnum):
    """How far an action is."""

    ACTING = "acting"
    VERIFYING = "verifying"
    HOLDING = "holding"
    RELEASING = "releasing"
    WATCHING = "watching"
    DONE = "done"


@dataclass(frozen=True)
class Scene:
    """What is seen in an interval.

    Args:
        now: monotonic time in seconds.
        cpus: of the machine.
        tasks: with what is in force.
        readings: of all tasks.
        grips: what is wanted.
        options: of the allocator.
    """

    now: float
    cpus: int
    tasks: TasksData
    readings: Readings
    grips: Grips
    options: Options

    def used(self, task_id: str) -> float | None:
        """CPUs that a task uses; None: not known."""
        return self.readings.level(task_id, sampling.CPU)

    def sight(self, task_id: str, victim: str) -> Sight:
        """What a lever sees of a task."""
        task, readings = self.tasks[task_id], self.readings
        return Sight(task, self.cpus, readings, self.options, self.tasks[victim])


@dataclass
class Action:
    """What is done.

    Args:
        holder: who wants it, for ``Grips``.
        victim: for whom.
        task_id: to whom.
        lever: what.
        type: of allocation.
        value: that is wanted.
        begun: how it was before.
        asked: monotonic time at which the value was asked for.
        hold: seconds for which it is held.
        activity: what the task did, by the lever's measure; None: not known.
        phase: how far it is.
        effect: what it did, once that is known.
        quiet: monotonic time at which it was bad for the last time, or something was changed.
        intervals: since a value was asked for.
        good: the last value that was in force; None: none was.
        last: the value before the last step back.
    """

    holder: Hashable
    victim: str
    task_id: str
    lever: Lever
    type: Any
    value: Any
    begun: Begun
    asked: float
    hold: float
    activity: float | None
    phase: Phase = Phase.ACTING
    effect: Effect | None = None
    quiet: float = 0.0
    intervals: int = 0
    good: Any = None
    last: Any = None

    @property
    def key(self) -> Key:
        """Task and type."""
        return self.task_id, self.type

    def want(self, scene: Scene, value: Any, why: str) -> None:
        """Ask for a value from now on."""
        self.value, self.asked, self.intervals = value, scene.now, 0
        self.quiet = scene.now
        original = self.begun.original
        back = self.lever.back(value, original)
        scene.grips.ask(self.key, self.holder, value, original, back, why)

    def tighten(self, scene: Scene, why: str) -> bool:
        """Ask for the next value that does more. False: there is none."""
        sight = scene.sight(self.task_id, self.victim)
        value = self.lever.tighter(self.value, sight, self.begun)
        if value is None:
            return False
        self.want(scene, value, why)
        self.phase = Phase.ACTING
        return True

    def loosen(self, scene: Scene) -> None:
        """Give a step back, or all of it."""
        sight = scene.sight(self.task_id, self.victim)
        value = self.lever.looser(self.value, sight, self.begun)
        self.last = self.value
        if value is None:
            self.drop(scene)
            self.phase, self.quiet = Phase.WATCHING, scene.now
        else:
            self.want(scene, value, f"quiet for {self.hold:g} s: a step back")
            self.phase = Phase.RELEASING

    def regrip(self, scene: Scene, why: str) -> None:
        """It was too early: back to the last value that was good, and for twice as long."""
        self.hold = min(scene.options.longest_hold, 2 * self.hold)
        self.want(scene, self.last, why)
        self.phase = Phase.HOLDING

    def drop(self, scene: Scene) -> None:
        """Give it back."""
        scene.grips.drop(self.key, self.holder)
        self.phase = Phase.DONE

    def has_stopped(self, scene: Scene) -> bool:
        """Whether the task does not do any longer what it was held back for."""
        measure = self.lever.activity
        lately = scene.readings.last(self.task_id, measure, _STOPPED)
        waits = scene.readings.level(self.task_id, sampling.PSI_CPU, _STOPPED) or 0.0
        starved = measure == sampling.CPU and waits > _WAITS  # it would, if it got a CPU
        if not self.activity or len(lately) < _STOPPED or starved:
            return False
        allowed = self.activity
        if self.lever.amount == measure == sampling.CPU and isinstance(self.value, float):
            allowed = min(allowed, self.value * scene.cpus) if self.value > 0 else allowed
        least = _NOTHING if measure == sampling.CPU else 0.0
        return max(lately) <= max(least, _SHARE * allowed)


def begin_action(
    scene: Scene, holder: Hashable, victim: str, task_id: str, lever: Lever, why: str, hold: float
) -> Action | None:
    """Ask for the first value of a lever; None: there is nothing that it could do here."""
    sight = scene.sight(task_id, victim)
    type_ = lever.type_for(sight.task.allocations)
    value = None if type_ is None else lever.first(sight, type_)
    if type_ is None or value is None:
        return None
    key = (task_id, type_)
    original = scene.grips.original(key, sight.task.allocations)
    used = scene.readings.level(task_id, lever.amount) or 0.0
    activity = scene.readings.level(task_id, lever.activity)
    begun = Begun(original, used, value)
    action = Action(holder, victim, task_id, lever, type_, value, begun, scene.now, hold, activity)
    action.want(scene, value, why)
    return action
