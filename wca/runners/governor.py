"""Keeps the agent within its budget of CPU and memory by measuring less."""

import logging
import time
from collections.abc import Callable
from typing import Annotated, Protocol, TypedDict

from wca.config.types import Ratio, Size
from wca.linux.heap import give_back_memory
from wca.metrics import Measurements
from wca.runners.stages import Sample

__all__ = ["Budget", "Governor", "Governed", "longest_stretch"]

log = logging.getLogger(__name__)

#: How much longer all collector intervals become, one after the other.
STRETCHES = (2, 4, 8)
#: A look at the consumption covers at least so many iterations, and so many seconds.
LEAST_ITERATIONS, LEAST_SECONDS = 5, 10.0
#: What is measured becomes more again after so many looks in a row at which the agent was below
#: these shares of its budget. A step at most doubles the CPU time.
CALM_LOOKS, CALM_CPU, CALM_MEMORY = 3, 0.45, 0.8
#: A collector that was stopped again waits for so many of them at most.
MOST_PATIENCE = 96
#: A stop that has freed less than this share of the memory was in vain. Two looks at an
#: agent that measures the same differ by about half of it.
LEAST_FREED = 0.02


class Budget(TypedDict, total=False):
    """What the agent may use."""

    cpu: Annotated[float, Ratio(0.0001, 64)]
    memory: Annotated[int, Size(1024 * 1024)]


def longest_stretch(budget: Budget | None) -> int:
    """How many times longer than wanted the intervals of collectors may become."""
    return STRETCHES[-1] if budget and "cpu" in budget else 1


class Governed(Protocol):
    """What can be made to measure less."""

    @property
    def names(self) -> list[str]:
        """The collectors, the most important first."""

    def stretch(self, times: int) -> None:
        """Make all collector intervals so many times longer than wanted."""

    def stop(self, names: list[str]) -> None:
        """Measure without these collectors, and with all others."""


class Governor:
    """Looks at what the agent uses, and takes one step at a time, in a stated order.

    1. Collector intervals become 2, 4, then 8 times as long.
    2. Collectors are stopped, one at a time, the last of the list first; the first one stays.

    Where memory is what is too much, the first kind of step, which would not help, is left out. Of
    what a stopped collector has used only a part comes back to the system: one whose stop has freed
    next to nothing goes on with the next look, and the one before it is stopped instead. The steps
    are taken back in reverse order when the agent has been well below its budget; a collector that
    had to be stopped again is given twice as long.

    Args:
        budget: ``cpu`` as a share of one CPU, ``memory`` in bytes.
        governed: what measures.
        resident_bytes: gives the memory of the agent; None where it cannot be read.
        monotonic: time in seconds.
        cpu_seconds: gives the CPU time of the agent since start.
        give_back: gives memory that was freed back to the system.
    """

    name = "govern"

    def __init__(
        self,
        budget: Budget,
        governed: Governed,
        resident_bytes: Callable[[], int | None],
        monotonic: Callable[[], float],
        cpu_seconds: Callable[[], float] = time.process_time,
        give_back: Callable[[], None] = give_back_memory,
    ) -> None:
        self._budget = budget
        self._governed = governed
        self._resident_bytes = resident_bytes
        self._monotonic = monotonic
        self._cpu_seconds = cpu_seconds
        self._give_back = give_back
        self._stretched = 0  # steps
        self._stopped: list[str] = []  # collectors, the first that was stopped first
        self._in_vain: set[str] = set()  # collectors whose stop frees no memory
        self._patience: dict[str, int] = {}  # calm looks before a collector goes on
        self._trial: tuple[str, int] | None = None  # the last one stopped, bytes before that
        self._iterations = 0
        self._calm = 0
        self._exhausted = False
        self._used: dict[str, float] = {}
        self._since = monotonic(), cpu_seconds()

    def run(self, _sample: Sample) -> None:
        """Count an iteration; once enough have gone by, look at the consumption and act."""
        self._iterations += 1
        now = self._monotonic()
        if self._iterations >= LEAST_ITERATIONS and now - self._since[0] >= LEAST_SECONDS:
            self._look(now)

    def measurements(self) -> Measurements:
        """How much of the budget is used, and how many steps have been taken."""
        values: Measurements = {"wca_budget_level": self._stretched + len(self._stopped)}
        return values | ({"wca_budget_used_ratio": self._used.copy()} if self._used else {})

    def _look(self, now: float) -> None:
        cpu = self._cpu_seconds()
        resident = self._resident_bytes()
        used: dict[str, float] = {}
        if "cpu" in self._budget:
            used["cpu"] = (cpu - self._since[1]) / (now - self._since[0]) / self._budget["cpu"]
        if "memory" in self._budget and resident is not None:
            used["memory"] = resident / self._budget["memory"]
        self._used, self._since, self._iterations = used, (now, cpu), 0
        self._decide(used.get("cpu", 0.0), used.get("memory", 0.0))

    def _decide(self, cpu: float, memory: float) -> None:
        """Take a step or take one back.

        Args:
            cpu: share of the budget that is used.
            memory: the same.
        """
        self._calm = self._calm + 1 if cpu < CALM_CPU and memory < CALM_MEMORY else 0
        if memory < CALM_MEMORY:  # what it consists of then may be different
            self._in_vain.clear()
        goes_on = self._judge_trial(exceeded=memory > 1)
        if memory > 1:
            self._save_memory(goes_on=goes_on)
        elif cpu > 1:
            self._save_cpu()
        elif self._takes_back():
            self._calm = 0
            self._act("", logging.INFO)

    def _takes_back(self) -> bool:
        """Take one step back; False when it is not time for it, or there is none."""
        name = self._stopped[-1] if self._stopped else ""
        if self._calm < self._patience.get(name, CALM_LOOKS):
            return False
        if name:
            self._stopped.pop()
            self._patience[name] = min(2 * self._patience.get(name, CALM_LOOKS), MOST_PATIENCE)
            return True
        self._stretched -= (stretched := self._stretched > 0)
        return stretched

    def _save_cpu(self) -> None:
        stretches = self._stretched < len(STRETCHES)
        self._stretched += stretches
        if stretches or self._stop_one(set()):
            self._act("cpu", logging.WARNING)
        else:
            self._say_exhausted("cpu")

    def _save_memory(self, *, goes_on: bool) -> None:
        """Stop one collector.

        Args:
            goes_on: whether another one goes on.
        """
        resident = self._settled()
        stopped = self._stop_one(self._in_vain)
        self._trial = (stopped, resident) if stopped else None
        if stopped or goes_on:
            self._act("memory", logging.WARNING)
        else:
            self._say_exhausted("memory")

    def _judge_trial(self, *, exceeded: bool) -> bool:
        """See what the last stop has freed; whether that was next to nothing, so that it goes on.

        Args:
            exceeded: whether the budget still is.
        """
        if self._trial is None:
            return False
        (name, before), self._trial = self._trial, None
        if not exceeded or before - self._settled() >= LEAST_FREED * before:
            return False
        self._in_vain.add(name)
        self._stopped.remove(name)
        log.info("%s goes on: its stop has freed no memory", name)
        return True

    def _settled(self) -> int:
        """Resident memory, once what was freed has been given back to the system."""
        self._give_back()
        return self._resident_bytes() or 0

    def _stop_one(self, spared: set[str]) -> str | None:
        """Stop the last collector that is not stopped yet; None: there is none but the first."""
        names = self._governed.names[1:]
        left = [one for one in names if one not in self._stopped and one not in spared]
        if not left:
            return None
        self._stopped.append(left[-1])
        return left[-1]

    def _act(self, resource: str, level: int) -> None:
        """Do what was decided, and say so.

        Args:
            resource: what is exceeded; empty when there is room again.
            level: of the log.
        """
        self._exhausted = False
        times = (1, *STRETCHES)[self._stretched]
        stopped = [name for name in self._governed.names if name in self._stopped]
        self._governed.stretch(times)
        self._governed.stop(stopped)
        log.log(
            level,
            "%s: collector intervals are %d times as long as configured, stopped collectors: %s",
            self._why(resource),
            times,
            ", ".join(stopped) or "none",
        )

    def _say_exhausted(self, resource: str) -> None:
        if not self._exhausted:
            log.warning("%s: nothing is left to save", self._why(resource))
        self._exhausted = True

    def _why(self, resource: str) -> str:
        if not resource:
            return "the agent is well below its budget"
        return f"the agent uses {self._used[resource]:.0%} of its {resource} budget"
