"""Keeps the agent within its budget of CPU and memory by measuring less."""

import logging
import time
from collections.abc import Callable
from typing import Annotated, Protocol, TypedDict

from wca.config.types import Ratio, Size
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

    Where memory is what is too much, the first kind of step, which would not help, is left out.
    The steps are taken back in reverse order when the agent has been well below its budget.

    Args:
        budget: ``cpu`` as a share of one CPU, ``memory`` in bytes.
        governed: what measures.
        resident_bytes: gives the memory of the agent; None where it cannot be read.
        monotonic: time in seconds.
        cpu_seconds: gives the CPU time of the agent since start.
    """

    name = "govern"

    def __init__(
        self,
        budget: Budget,
        governed: Governed,
        resident_bytes: Callable[[], int | None],
        monotonic: Callable[[], float],
        cpu_seconds: Callable[[], float] = time.process_time,
    ) -> None:
        self._budget = budget
        self._governed = governed
        self._resident_bytes = resident_bytes
        self._monotonic = monotonic
        self._cpu_seconds = cpu_seconds
        self._stretched = self._stopped = 0  # steps taken of either kind
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
        values: Measurements = {"wca_budget_level": self._stretched + self._stopped}
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
        calm = self._calm + 1 if cpu < CALM_CPU and memory < CALM_MEMORY else 0
        self._calm = calm % CALM_LOOKS
        if memory > 1:
            self._step("memory", 0, 1)
        elif cpu > 1:
            stretches = self._stretched < len(STRETCHES)
            self._step("cpu", int(stretches), int(not stretches))
        elif calm == CALM_LOOKS and self._stopped:
            self._step("", 0, -1)
        elif calm == CALM_LOOKS and self._stretched:
            self._step("", -1, 0)

    def _step(self, resource: str, stretch: int, stop: int) -> None:
        """One step of either kind, there or back.

        Args:
            resource: what is exceeded; empty when there is room again.
            stretch: 1, -1 or 0.
            stop: 1, -1 or 0.
        """
        names = self._governed.names
        if self._stopped + stop >= len(names):
            if not self._exhausted:
                log.warning("%s: nothing is left to save", self._why(resource))
            self._exhausted = True
            return
        self._exhausted = False
        self._stretched += stretch
        self._stopped += stop
        times = (1, *STRETCHES)[self._stretched]
        stopped = names[len(names) - self._stopped :]
        self._governed.stretch(times)
        self._governed.stop(stopped)
        log.log(
            logging.WARNING if resource else logging.INFO,
            "%s: collector intervals are %d times as long as configured, stopped collectors: %s",
            self._why(resource),
            times,
            ", ".join(stopped) or "none",
        )

    def _why(self, resource: str) -> str:
        if not resource:
            return "the agent is well below its budget"
        return f"the agent uses {self._used[resource]:.0%} of its {resource} budget"
