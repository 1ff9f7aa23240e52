"""``ContentionAllocator``: acts on what a detector finds, sees whether it helps, and undoes it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from wca.abilities import ability
from wca.allocators.api import Allocator, TasksAllocations
from wca.allocators.contending.actions import Scene
from wca.allocators.contending.board import Board
from wca.allocators.contending.grips import Grips
from wca.allocators.contending.options import Options
from wca.allocators.contending.readings import Readings
from wca.allocators.tiers import Tiers
from wca.config.types import Duration, Numeric, Ratio, Size
from wca.detectors.answers import Answer, read_answer
from wca.detectors.api import Anomaly, AnomalyDetector, TasksData
from wca.detectors.calling import UsableDetector, call_detect
from wca.errors import ValidationError
from wca.metrics import Metric
from wca.platforms.api import Platform

__all__ = ["ContentionAllocator"]

_log = logging.getLogger(__name__)
_DEFAULT = Options()


class ContentionAllocator(Allocator):
    """Protects tasks from what its detector finds: the one that does it gets less, for a while.

    Each action is an experiment. What is done depends on the verdict: for a neighbour of the CPU
    the lowest weight, then half of its CPUs, then a quota; against memory traffic a quota of a
    fifth of what it uses; against a reader that displaces the page cache a memory limit, halved in
    steps; a task that its own quota throttles gets burst, then a higher quota, and nobody else is
    touched. Then it is looked whether the victim recovers, by its objective where its application
    tells one (``task_sli_normalized``), else by the number that the verdict rests on. If it does
    not, the value is given back and the next suspect tried, one experiment at a time. What has
    helped is held, given back in steps when it was quiet, and taken again, for twice as long, if
    that was too early. docs/allocation.md has the method.

    Only best-effort tasks are given less, see ``tiers``, and best-effort tasks are not protected.
    Until something that it asks for has come into force it takes it that nobody acts, and stays
    with its first choice.

    Args:
        detector: finds anomalies; the allocator starts, asks and closes it.
        tiers: which tasks give way; those of Tiers without fields when left out: by class of
            service in Kubernetes.
        idle: whether a neighbour of the CPU goes into the idle class first. It protects better than
            the lowest weight, but while a group is in it the kernel refuses the weights that
            kubelet, runc or systemd may want to set.
        unlabelled: whether tasks of no known tier may be acted on as well.
        burst: share of its quota by which a throttled task may go beyond it in one period.
        raise_quota: times its quota that a throttled task gets at most.
        least_cpus: CPUs that a quota leaves.
        least_memory: what a memory limit leaves beyond memory that cannot be reclaimed.
        readings: of the victim after an action by which it is judged.
        confidence: that the suspects of whom none stands out have to reach together.
        keep: how long what has helped is held; doubled each time that it was given back too early.
        longest_keep: how long at most.
        pause: time between two steps back.
        verify: whether several suspects are tested before one of them is acted on: for 16 intervals
            each is held back in every second one, by a code of its own, and the one is acted on
            with whom the victim's trouble comes and goes. Nobody is, when none stands out; when
            what is no task uses more than 0.1 CPUs the test says nothing, and the detector counts.
            It needs an envelope with ``shrink_pause: 0s`` and many decisions.

    Raises:
        ValidationError: the detector cannot be called, or ``longest_keep`` is less than ``keep``.
    """

    def __init__(
        self,
        detector: Annotated[AnomalyDetector, UsableDetector()],
        tiers: Tiers | None = None,
        idle: bool = _DEFAULT.idle,
        unlabelled: bool = _DEFAULT.unlabelled,
        burst: Annotated[float, Ratio(0, 1)] = _DEFAULT.burst,
        raise_quota: Annotated[float, Numeric(1, 10)] = _DEFAULT.raise_quota,
        least_cpus: Annotated[float, Numeric(0.01, 1000)] = _DEFAULT.least_cpus,
        least_memory: Annotated[int, Size(1 << 20, None)] = _DEFAULT.least_memory,
        readings: Annotated[int, Numeric(2, 60)] = _DEFAULT.readings,
        confidence: Annotated[float, Ratio(0, 1)] = _DEFAULT.confidence,
        keep: Annotated[float, Duration(1, 86400)] = _DEFAULT.hold,
        longest_keep: Annotated[float, Duration(1, 86400)] = _DEFAULT.longest_hold,
        pause: Annotated[float, Duration(0.1, 3600)] = _DEFAULT.pause,
        verify: bool = _DEFAULT.verify,
    ) -> None:
        UsableDetector().check(detector)
        if longest_keep < keep:
            raise ValidationError(f"longest_keep: {longest_keep:g} s is less than keep: {keep:g} s")
        self.detector = detector
        self.tiers = Tiers() if tiers is None else tiers
        self._options = Options(
            idle,
            unlabelled,
            burst,
            raise_quota,
            least_cpus,
            least_memory,
            readings,
            confidence,
            keep,
            longest_keep,
            pause,
            verify,
        )
        self._problem = ""
        self._now = float("-inf")
        self._readings, self._grips = Readings(), Grips()
        self._board = Board(self.tiers, self._options)

    @property
    def blocking(self) -> bool:  # type: ignore[override]
        """Whether the detector is."""
        return self.detector.blocking

    def start(self) -> None:
        """Start the detector."""
        method = ability(self.detector, "start")
        if method is not None:
            method()

    def check(self) -> list[str]:
        """What keeps the detector from working on this machine."""
        method = ability(self.detector, "check")
        return [f"detector: {one}" for one in (method() if method is not None else ())]

    def close(self, timeout: float) -> None:
        """Close the detector."""
        method = ability(self.detector, "close")
        if method is not None:
            method(timeout)

    def dump_state(self) -> Mapping[str, Any]:
        """What the detector has learned; what is in force is not kept: it ends with the agent."""
        method = ability(self.detector, "dump_state")
        return {} if method is None else {"detector": method()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Give the detector what it had learned. Raises ValidationError."""
        if not isinstance(state, Mapping):
            raise ValidationError("the state of a ContentionAllocator has that of its detector")
        method = ability(self.detector, "load_state")
        if method is not None and "detector" in state:
            method(state["detector"])

    def allocate(
        self, platform: Platform, tasks_data: TasksData
    ) -> tuple[TasksAllocations, Sequence[Anomaly], Sequence[Metric]]:
        """Ask the detector, and do what its anomalies call for. Raises what the detector does."""
        answer = self._detected(platform, tasks_data)
        if not self._readings.look(platform, tasks_data):
            if platform.monotonic < self._now:
                self._begin()  # a clock that began anew: another run
                self._readings.look(platform, tasks_data)
            return self._grips.answer(), answer.anomalies, answer.metrics
        self._now = platform.monotonic
        self._grips.look(tasks_data)
        scene = Scene(
            platform.monotonic,
            platform.cpus,
            tasks_data,
            self._readings,
            self._grips,
            self._options,
        )
        self._board.step(scene, answer.anomalies)
        anomalies = [self._board.described(one) for one in answer.anomalies]
        return self._grips.answer(), anomalies, [*answer.metrics, *self._board.metrics()]

    def reasons(self) -> Mapping[tuple[str, str], str]:
        """Why it asks for what its last answer has, by task id and type."""
        return self._grips.reasons()

    def _begin(self) -> None:
        self._now = float("-inf")
        self._readings = Readings()
        self._grips = Grips()
        self._board = Board(self.tiers, self._options)

    def _detected(self, platform: Platform, tasks: TasksData) -> Answer:
        """What the detector says. Of what is in force it is shown what is ours."""
        shown = {
            task_id: replace(task, allocations=self._grips.ours(task_id, task.allocations))
            for task_id, task in tasks.items()
        }
        answer = read_answer(call_detect(self.detector, platform, shown))
        problem = answer.problems[0] if answer.problems else ""
        if problem and problem != self._problem:
            _log.error("%s: %s", type(self.detector).__name__, problem)
        self._problem = problem
        return answer
