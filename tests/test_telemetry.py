"""What the agent tells about itself."""

import contextlib
import logging

from wca.runners.stages import Sample, run_iteration
from wca.telemetry import Telemetry
from wca.testing.clock import FakeClock


class Taking:
    """A stage that takes its time."""

    def __init__(self, clock, name, seconds):
        self.name = name
        self._take = lambda: clock.advance(seconds)

    def run(self, _sample):
        self._take()


def test_the_last_duration_and_the_mean_are_kept_by_function():
    telemetry = Telemetry()
    telemetry.duration("collect", 1.0)
    telemetry.duration("collect", 3.0)
    values = telemetry.measurements()
    assert values["wca_duration_seconds"] == {"collect": 3.0}
    assert values["wca_duration_seconds_avg"] == {"collect": 2.0}


def test_the_whole_of_an_iteration_does_not_stand_beside_its_parts():
    clock = FakeClock()
    telemetry = Telemetry(clock.monotonic)
    stages = [Taking(clock, name, seconds) for name, seconds in (("collect", 2.0), ("store", 1.0))]
    run_iteration(stages, Sample(0.0), telemetry)
    values = telemetry.measurements()
    for kind in ("", "_avg"):
        parts = values[f"wca_duration_seconds{kind}"]
        assert parts == {"collect": 2.0, "store": 1.0}
        assert values[f"wca_iteration_duration_seconds{kind}"] == sum(parts.values())


def test_the_failures_of_what_may_fail_are_told_from_the_start():
    telemetry = Telemetry()
    telemetry.failure("store", "away")
    telemetry.expect(["collect", "store"])
    assert telemetry.measurements()["wca_failures"] == {"collect": 0, "store": 1}
    assert telemetry.healthy("collect") is None


def test_a_block_that_raises_is_measured_too():
    clock = FakeClock()
    telemetry = Telemetry(clock.monotonic)
    with contextlib.suppress(ZeroDivisionError), telemetry.timed("store"):
        clock.advance(2.0)
        1 / 0  # noqa: B018
    assert telemetry.measurements()["wca_duration_seconds"] == {"store": 2.0}


def test_nothing_is_said_before_anything_happened():
    assert Telemetry().measurements() == {}


def test_a_repeated_failure_is_logged_when_the_state_changes(caplog):
    telemetry = Telemetry()
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            telemetry.failure("node", OSError("kubelet away"))
        telemetry.begin_round()
        telemetry.success("node")
        telemetry.success("node")
        telemetry.begin_round()
        telemetry.failure("node", "no list")
    assert [record.getMessage() for record in caplog.records] == [
        "node fails: OSError: kubelet away",
        "node works again",
        "node fails: no list",
    ]
    assert telemetry.measurements()["wca_failures"] == {"node": 4}
    assert telemetry.measurements()["wca_healthy"] == {"node": 0}


def test_a_counter_is_visible_as_zero_before_its_first_event():
    telemetry = Telemetry()
    telemetry.count("wca_overruns", 0)
    assert telemetry.measurements() == {"wca_overruns": 0}
    telemetry.count("wca_overruns")
    assert telemetry.measurements() == {"wca_overruns": 1}


def test_what_fails_for_one_task_and_works_for_the_next_has_failed(caplog):
    telemetry = Telemetry()
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            telemetry.begin_round()
            telemetry.success("collector")
            telemetry.failure("collector", "odd task")
            telemetry.success("collector")
    assert [record.getMessage() for record in caplog.records] == ["collector fails: odd task"]
    assert telemetry.healthy("collector") is False


def test_a_round_without_a_failure_is_a_recovery():
    telemetry = Telemetry()
    telemetry.failure("collector", "once")
    telemetry.begin_round()
    telemetry.success("collector")
    assert telemetry.healthy("collector") is False
    telemetry.begin_round()
    assert telemetry.healthy("collector") is True
    assert telemetry.failures("collector") == 1
