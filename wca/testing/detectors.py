"""For tests of detectors, ours and a plugin's."""
# ruff: noqa: S101 - a contract suite is made of asserts

import contextlib
import copy
import gc
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from wca.abilities import ability, ability_problems
from wca.detectors.answers import Answer, read_answer
from wca.detectors.api import (
    AnomalyDetector,
    ContentionAnomaly,
    Stateful,
    TaskData,
    TasksData,
)
from wca.detectors.calling import UsableDetector, call_detect
from wca.detectors.encoding import describe, labelled, record_line, record_of
from wca.errors import ValidationError
from wca.metrics import CATALOGUE, Measurements, MetricGranularity, MetricType
from wca.platforms.api import Platform
from wca.storage.encoding import Encoder
from wca.testing.leaks import open_things
from wca.testing.replaying import check_replay, check_state

__all__ = ["DetectorContract", "History", "a_platform", "a_task", "busy_history"]

#: What a detector sees, interval by interval.
History = list[tuple[Platform, TasksData]]

_START, _NOW = 1000.0, 1_700_000_000.0
_INTERVALS = 40
#: Tasks that come and go in the test of what stays behind, and objects of Python that may: caches.
_PASSING, _OBJECTS_LEFT = 300, 150
_ODD = (float("nan"), float("inf"), float("-inf"), -1, 0, 1e308, 2**64)


def a_platform(seconds: float = 0.0, measurements: Measurements | None = None) -> Platform:
    """A small machine.

    Args:
        seconds: how long after the beginning, on both clocks.
        measurements: numbers of the machine.
    """
    return Platform(
        sockets=1,
        cores=2,
        cpus=2,
        numa_nodes=1,
        cpu_model="Example CPU @ 2.00GHz",
        topology={0: {0: [0], 1: [1]}},
        node_cpus={0: {0, 1}},
        node_distances={0: {0: 10}},
        swap_enabled=False,
        timestamp=_NOW + seconds,
        monotonic=_START + seconds,
        measurements={} if measurements is None else measurements,
    )


def a_task(
    task_id: str, measurements: Measurements | None = None, labels: Mapping[str, str] | None = None
) -> TaskData:
    """A task as a runner hands it to a detector.

    Args:
        task_id: its id, and its name.
        measurements: its numbers.
        labels: further labels.
    """
    return TaskData(
        name=task_id,
        task_id=task_id,
        cgroup_path=f"/{task_id}",
        labels={"task_id": task_id, "task_name": task_id, **(labels or {})},
        resources={"cpus": 1.0, "mem": 1 << 30},
        measurements={} if measurements is None else measurements,
    )


def busy_history(tasks: Sequence[str] = ("web", "batch"), intervals: int = _INTERVALS) -> History:
    """Some intervals of one second in which everything grows, from the middle on faster.

    Every metric of tasks and of the machine that the catalogue knows has a number.

    Args:
        tasks: their ids.
        intervals: how many.
    """
    history: History = []
    for interval in range(intervals):
        pace = interval + max(0, interval - intervals // 2) * 4
        machine = _numbers(MetricGranularity.PLATFORM, pace)
        seen = {
            task_id: a_task(task_id, _numbers(MetricGranularity.TASK, pace * (place + 1)))
            for place, task_id in enumerate(tasks)
        }
        history.append((a_platform(float(interval), machine), seen))
    return history


def _numbers(granularity: MetricGranularity, pace: int) -> Measurements:
    numbers: Measurements = {}
    for place, entry in enumerate(CATALOGUE.values()):
        if entry.granularity is granularity:
            grows = entry.type is MetricType.COUNTER
            value: Any = (place + 1) * (pace if grows else 1 + pace % 3)
            for _ in entry.levels:
                value = {"0": value}
            numbers[entry.name] = value
    return numbers


class DetectorContract:
    """What every detector must do.

    Make a subclass named ``Test...`` and override ``detector``; and ``history`` for one that looks
    at metrics which the catalogue does not know::

        class TestMyDetector(DetectorContract):
            def detector(self):
                return MyDetector(limit=0.5)
    """

    def detector(self) -> AnomalyDetector:
        """Make a detector; called several times in one test."""
        raise NotImplementedError

    def history(self) -> History:
        """What it is shown, made anew each time."""
        return busy_history()

    def test_it_is_a_detector_that_can_be_asked(self) -> None:
        """What a configuration refuses."""
        detector = self.detector()
        assert isinstance(detector, AnomalyDetector)
        UsableDetector().check(detector)
        assert ability_problems(detector) == []

    def test_constructing_opens_nothing(self) -> None:
        """A configuration is checked on any machine: the constructor only stores and validates."""
        self.detector()  # what is imported on first use
        before = open_things()
        detector = self.detector()
        assert open_things() == before, f"{type(detector).__name__}() opened something"

    def test_its_answers_make_sense(self) -> None:
        """Anomalies and metrics, which a storage can take."""
        with self.started() as detector:
            for platform, tasks in self.history():
                _ask(detector, platform, tasks)

    def test_the_same_input_has_the_same_answers(self) -> None:
        """Whenever it is asked, so that a recording can be replayed."""
        answers = check_replay(self.detector, self.history)
        time.sleep(0.05)
        random.seed(answers[0])
        assert check_replay(self.detector, self.history) == answers

    def test_its_state_brings_back_what_it_has_learned(self) -> None:
        """Of one that is ``Stateful``; what it cannot use it refuses with a ValidationError."""
        if not isinstance(self.detector(), Stateful):
            return
        check_state(self.detector, self.history)
        for senseless in ({}, {"version": -1}, {"": [None]}):
            detector = self.detector()
            assert isinstance(detector, Stateful)
            with contextlib.suppress(ValidationError):
                detector.load_state(senseless)

    def test_what_it_sees_stays_as_it_was(self) -> None:
        """Others see the same."""
        history = self.history()
        expected = copy.deepcopy(history)
        self._answers(history)
        assert history == expected

    def test_any_measurement_may_be_missing(self) -> None:
        """One of them always, all of them always, and all of them in every second interval."""
        names = {name for _, tasks in self.history() for one in tasks.values() for name in _of(one)}
        for name in sorted(names):
            self._answers(_changed(self.history(), _without(name)))
        self._answers(_changed(self.history(), dict.clear))
        sparse = self.history()
        sparse[1::2] = _changed(sparse[1::2], dict.clear)
        self._answers(sparse)

    def test_no_tasks_and_tasks_that_come_and_go(self) -> None:
        """It speaks of those only that it has seen now, and of the machine."""
        self._answers([(platform, {}) for platform, _ in self.history()])
        history = self.history()
        for place, (platform, tasks) in enumerate(history):
            names = sorted(tasks)
            gone = {names[place // 3 % len(names)]} if place % 3 else set(names)
            history[place] = (platform, {name: tasks[name] for name in names if name not in gone})
        self._answers(history)

    def test_counters_may_begin_anew(self) -> None:
        """A task was started again under its id."""
        history = self.history()
        half = len(history) // 2
        again = self.history()
        history[half:] = [(history[half + place][0], again[place][1]) for place in range(half)]
        self._answers(history)

    def test_clocks_may_jump(self) -> None:
        """The wall clock there and back; the other one stands still, pauses, or begins anew."""
        day, hour = 86_400.0, 3600.0
        for wall, monotonic in ((day, 0), (-day, 0), (0, hour), (hour, -1.0), (0, -hour)):
            history = self.history()
            for place in range(len(history) // 2, len(history)):
                platform, tasks = history[place]
                moved = replace(
                    platform,
                    timestamp=platform.timestamp + wall,
                    monotonic=platform.monotonic + monotonic,
                )
                history[place] = (moved, tasks)
            self._answers(history)

    def test_odd_numbers_cost_at_most_themselves(self) -> None:
        """What a broken collector may give."""
        for odd in _ODD:
            history = self.history()
            history[3::4] = _changed(history[3::4], _all(odd))
            self._answers(history)

    def test_tasks_that_are_gone_are_forgotten(self) -> None:
        """An agent runs for months, and a task lives for minutes."""
        history = self.history()
        measurements = [next(iter(tasks.values())).measurements for _, tasks in history if tasks]
        with self.started() as detector:
            for second in range(2 * _PASSING):
                if second == _PASSING:  # what is kept once for all is there
                    before = _objects()
                task = a_task(f"task-{second}", measurements[second % len(measurements)])
                call_detect(detector, a_platform(float(second)), {task.task_id: task})
            call_detect(detector, a_platform(2.0 * _PASSING), {})
        assert _objects() - before < _OBJECTS_LEFT

    def test_close_is_safe_without_start_and_twice_and_leaves_nothing(self) -> None:
        """No thread, no descriptor."""
        _call(self.detector(), "close", 1.0)
        with self.started():
            pass
        before = open_things()
        with self.started() as detector:
            _call(detector, "close", 1.0)
        assert open_things() == before

    @contextlib.contextmanager
    def started(self) -> Iterator[AnomalyDetector]:
        """A detector between ``start`` and ``close``, where it has these."""
        detector = self.detector()
        try:
            _call(detector, "start")
            yield detector
        finally:
            _call(detector, "close", 5.0)

    def _answers(self, history: History) -> str:
        """All that a new detector says of a history, as one text."""
        with self.started() as detector:
            return "\n".join(line for one in history for line in _ask(detector, *one))


def _ask(detector: AnomalyDetector, platform: Platform, tasks: TasksData) -> list[str]:
    """One answer as text; fails for one that makes no sense."""
    answer = read_answer(call_detect(detector, platform, tasks))
    assert answer.problems == []
    problems: list[str] = []
    described = describe(answer.anomalies, problems)
    assert problems == []
    _check_names(answer, tasks)
    metrics = labelled(described, tasks) + answer.metrics
    rejected = Encoder().encode(metrics, platform.timestamp).rejected
    assert [f"{one.metric.name}: {one.reason}" for one in rejected] == []
    records = [record_of(one, tasks, platform.timestamp, "", {}) for one in described]
    return [record_line(one) for one in records] + [repr(metric) for metric in metrics]


def _check_names(answer: Answer, tasks: TasksData) -> None:
    for anomaly in answer.anomalies:
        if isinstance(anomaly, ContentionAnomaly):
            suspects = [suspect.task_id for suspect in anomaly.suspects]
            named = {anomaly.contended_task_id, *anomaly.contending_task_ids, *suspects} - {""}
            assert named <= tasks.keys(), "an anomaly names a task that is not there"
            assert all(0 <= suspect.confidence <= 1 for suspect in anomaly.suspects)


def _of(task: TaskData) -> list[str]:
    return list(task.measurements)


def _changed(history: History, change: Callable[[Measurements], object]) -> History:
    """The history with something done to all measurements."""
    for platform, tasks in history:
        for measurements in (platform.measurements, *(one.measurements for one in tasks.values())):
            change(measurements)
    return history


def _without(name: str) -> Callable[[Measurements], object]:
    return lambda measurements: measurements.pop(name, None)


def _all(value: Any) -> Callable[[Measurements], object]:
    return lambda measurements: measurements.update(dict.fromkeys(measurements, value))


def _objects() -> int:
    gc.collect()
    return len(gc.get_objects())


def _call(detector: AnomalyDetector, name: str, *arguments: Any) -> None:
    method = ability(detector, name)
    if method is not None:
        method(*arguments)
