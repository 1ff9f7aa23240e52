"""Reading the tasks and the machine."""

import time
from collections.abc import Callable

from wca.containers import Containers
from wca.errors import TargetGone
from wca.runners.measuring import Measuring
from wca.runners.stages import Sample, TaskSample
from wca.telemetry import Telemetry

__all__ = ["Collect"]


class Collect:
    """Reads every task, every container and the machine.

    Args:
        measuring: what is read.
        telemetry: where the health of collectors is reported.
        monotonic: time in seconds.
        rediscover: called when a task has vanished, so that the node is asked again soon.
    """

    name = "collect"

    def __init__(
        self,
        measuring: Measuring,
        telemetry: Telemetry,
        monotonic: Callable[[], float],
        rediscover: Callable[[], None],
    ) -> None:
        self._measuring = measuring
        self._telemetry = telemetry
        self._monotonic = monotonic
        self._rediscover = rediscover
        self._turn = 0

    def run(self, sample: Sample) -> None:
        """Fill ``tasks``, ``parts`` and ``platform``. A vanished task is left out and dropped."""
        measuring = self._measuring
        measuring.paces.begin(self._monotonic())
        self._turn += 1
        spent: dict[str, float] = {}
        start, cpu_start = time.monotonic(), time.thread_time()
        lacking = self._read(measuring.tasks, sample, sample.tasks, spent)
        lacking |= self._read(measuring.parts, sample, sample.parts, spent)
        cpu_seconds, seconds = time.thread_time() - cpu_start, time.monotonic() - start
        measuring.states.costs.split(spent, measuring.states.due("task"), cpu_seconds, seconds)
        measuring.look_after_threads()
        measuring.machine.read(sample.platform)
        sample.platform.update(measuring.ended.measurements())
        lacking |= measuring.machine.lacking.keys()
        for name, collector in measuring.collectors.items():
            if name not in lacking and not collector.blocking and measuring.states.runs(name):
                self._telemetry.success(name)  # without effect where it failed just now

    def _read(
        self,
        containers: Containers,
        sample: Sample,
        out: list[TaskSample],
        spent: dict[str, float],
    ) -> set[str]:
        """Read all of them; the collectors that could not be attached to some of them."""
        lacking: set[str] = set()
        # One of them in turn is read with each collector measured by itself.
        apart = self._turn % len(containers) if containers else 0
        for place, container in enumerate(containers):
            if container.lacking:
                lacking |= container.lacking.keys()
            try:
                values = container.read(sample.timestamp, spent if place == apart else None)
                out.append(TaskSample(container, values))
            except TargetGone:
                containers.drop(container)
                self._rediscover()
        out += [TaskSample(one, one.last) for one in containers.take_leaving()]
        return lacking
