"""MultiDetector: several answers as one."""

import logging

import pytest

from wca.detectors import (
    AnomalyDetector,
    ContendedResource,
    ContentionAnomaly,
    InterferenceDetector,
    MultiDetector,
    NOPAnomalyDetector,
)
from wca.errors import ValidationError
from wca.metrics import Metric
from wca.testing.detectors import a_platform, a_task, busy_history

TASKS = {name: a_task(name) for name in ("web", "batch")}


class Says(AnomalyDetector):
    def __init__(self, *anomalies, metrics=(), events=None, name=""):
        self.anomalies, self.metrics, self.events, self.name = anomalies, metrics, events, name

    def detect(self, platform, tasks_data):
        return list(self.anomalies), list(self.metrics)

    def start(self):
        if self.events is not None:
            self.events.append(f"start {self.name}")

    def close(self, timeout):
        if self.events is not None:
            self.events.append(f"close {self.name}")


class Raises(AnomalyDetector):
    broken = True

    def detect(self, platform, tasks_data):
        if self.broken:
            raise RuntimeError("out of order")
        return [], []


def on(resource, *culprits, verdict="first"):
    return ContentionAnomaly(resource, "web", culprits, verdict=verdict)


def ask(*detectors):
    return MultiDetector(list(detectors)).detect(a_platform(), TASKS)


def failures(metrics):
    return {one.labels["detector"]: one.value for one in metrics if one.name == "detector_failures"}


def test_one_victim_and_resource_is_one_anomaly_of_the_first_that_accuses():
    first, second = on(ContendedResource.CPUS), on(ContendedResource.CPUS, "batch")
    third = on(ContendedResource.CPUS, "other")
    assert ask(Says(first), Says(second), Says(third))[0] == [second]
    assert ask(Says(first), Says(on(ContendedResource.CPUS, verdict="second")))[0] == [first]


def test_different_resources_are_different_anomalies():
    cpus, disk = on(ContendedResource.CPUS), on(ContendedResource.DISK)
    assert ask(Says(cpus), Says(disk))[0] == [cpus, disk]


def test_metrics_are_those_of_all_each_series_once():
    own = [Metric("own", 1, {"a": "b"}), Metric("own", 2, {"a": "c"})]
    _, metrics = ask(Says(metrics=own[:1]), Says(metrics=[Metric("own", 9, {"a": "b"}), own[1]]))
    assert [one for one in metrics if one.name == "own"] == own


def test_one_that_raises_or_talks_nonsense_costs_its_own_answer(caplog):
    anomaly, broken = on(ContendedResource.CPUS), Raises()
    multi = MultiDetector([broken, Says("nonsense", anomaly)])
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            anomalies, metrics = multi.detect(a_platform(), TASKS)
        assert anomalies == [anomaly]
        assert failures(metrics) == {"Raises": 3, "Says": 3}
        broken.broken = False
        multi.detect(a_platform(), TASKS)
    told = [one for one in caplog.messages if one.startswith("Raises")]
    assert told == ["Raises fails: RuntimeError: out of order", "Raises works again"]


def test_when_all_fail_it_fails():
    with pytest.raises(RuntimeError, match="out of order"):
        ask(Raises(), Raises())


def test_detectors_of_the_first_releases_are_asked_as_they_were():
    class Older(AnomalyDetector):
        def detect(self, platform, tasks_measurements, tasks_resources, tasks_labels):
            return [], [Metric("older", len(tasks_labels))]

    _, metrics = ask(Older())
    assert metrics[0] == Metric("older", 2)


def test_it_blocks_when_one_of_them_does():
    class Blocks(NOPAnomalyDetector):
        blocking = True

    assert not MultiDetector([NOPAnomalyDetector()]).blocking
    assert MultiDetector([NOPAnomalyDetector(), Blocks()]).blocking


def test_all_are_started_and_closed_also_when_one_cannot_start():
    events = []

    class CannotStart(Says):
        def start(self):
            raise OSError("no")

    one, two = Says(events=events, name="1"), Says(events=events, name="2")
    multi = MultiDetector([one, two])
    multi.start()
    multi.close(1.0)
    assert events == ["start 1", "start 2", "close 2", "close 1"]
    events.clear()
    with pytest.raises(OSError, match="no"):
        MultiDetector([one, CannotStart()]).start()
    assert events == ["start 1", "close 1"]


def test_problems_of_this_machine_say_whose_they_are():
    class Checks(NOPAnomalyDetector):
        def check(self):
            return ["no model"]

    assert MultiDetector([NOPAnomalyDetector(), Checks()]).check() == ["Checks: no model"]


def test_each_has_its_own_state_by_name():
    def make():
        return MultiDetector(
            [InterferenceDetector(samples=10), NOPAnomalyDetector(), InterferenceDetector()]
        )

    one, other = make(), make()
    for platform, tasks in busy_history():
        one.detect(platform, tasks)
    state = one.dump_state()
    assert list(state) == ["InterferenceDetector", "InterferenceDetector#2"]
    other.load_state(state)
    assert other.dump_state() == state


def test_a_state_that_one_cannot_use_changes_none():
    multi = MultiDetector([InterferenceDetector(), InterferenceDetector()])
    before = multi.dump_state()
    state = {
        "InterferenceDetector": {"baselines": {"web": {}}},
        "InterferenceDetector#2": {"baselines": 5},
    }
    with pytest.raises(ValidationError, match="InterferenceDetector#2: the applications"):
        multi.load_state(state)
    assert multi.dump_state() == before
    with pytest.raises(ValidationError):
        multi.load_state([])


def test_no_detectors_are_refused():
    with pytest.raises(ValidationError, match="at least one detector"):
        MultiDetector([])


def test_two_anomalies_of_one_detector_stay_two():
    first, second = on(ContendedResource.DISK), on(ContendedResource.DISK, "batch")
    assert ask(Says(first, second), Says(on(ContendedResource.DISK, "other")))[0] == [first, second]


def test_whatever_one_raises_over_its_state_the_others_are_as_they_were():
    class Learns(Says):
        state = "old"

        def dump_state(self):
            return {"it": self.state}

        def load_state(self, state):
            self.state = state["it"]

    class Chokes(Learns):
        def load_state(self, state):
            if state["it"] != self.state:
                raise RuntimeError("no idea")

    good, bad = Learns(), Chokes()
    with pytest.raises(ValidationError, match="Chokes: no idea"):
        MultiDetector([good, bad]).load_state({"Learns": {"it": "new"}, "Chokes": {"it": "new"}})
    assert good.state == "old"
