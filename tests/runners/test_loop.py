"""The loop runs its jobs at their deadlines, in their order, until it is stopped."""

import logging
import threading

from wca.runners.loop import Job, Loop, Watchdog
from wca.telemetry import Telemetry
from wca.testing.clock import FakeClock


def test_jobs_with_several_periods_run_on_one_schedule_in_their_order():
    clock, stop, ran = FakeClock(), threading.Event(), []
    start = clock.monotonic()
    jobs = [
        Job(lambda: ran.append(("discover", clock.monotonic() - start)), 2.0),
        Job(lambda: ran.append(("measure", clock.monotonic() - start)), 1.0),
    ]
    Loop(jobs, clock, stop).run(iterations=4)
    assert ran == [
        ("discover", 0),
        ("measure", 0),
        ("measure", 1),
        ("discover", 2),
        ("measure", 2),
        ("measure", 3),
    ]


def test_the_deadline_does_not_move_when_an_iteration_is_slow():
    clock, starts = FakeClock(monotonic=0.0), []

    def slow():
        starts.append(clock.monotonic())
        clock.advance(0.7)

    Loop([Job(slow, 1.0)], clock, threading.Event()).run(iterations=3)
    assert starts == [0.0, 1.0, 2.0]


def test_an_overrun_is_told_and_the_loop_goes_on_at_the_next_deadline():
    clock, starts, missed = FakeClock(monotonic=0.0), [], []

    def overrun():
        starts.append(clock.monotonic())
        clock.advance(2.5 if len(starts) == 1 else 0)

    Loop([Job(overrun, 1.0, missed.append)], clock, threading.Event()).run(iterations=3)
    assert starts == [0.0, 2.5, 3.0]
    assert missed == [1]  # the deadline at 1 was served late, at 2.5; the one at 2 was lost


def test_a_requested_job_runs_with_the_next_that_is_due():
    clock, ran = FakeClock(), []
    discover = Job(lambda: ran.append("discover"), 100.0)

    def measure():
        ran.append("measure")
        if len(ran) == 2:
            discover.request()

    Loop([discover, Job(measure, 1.0)], clock, threading.Event()).run(iterations=3)
    assert ran == ["discover", "measure", "discover", "measure", "measure"]


def test_stop_ends_the_loop_without_another_iteration():
    clock, stop, ran = FakeClock(), threading.Event(), []

    def measure():
        ran.append(1)
        stop.set()

    Loop([Job(measure, 1.0)], clock, stop).run()
    assert ran == [1]


def test_a_loop_that_stands_still_is_reported_with_the_place_and_when_it_goes_on(caplog):
    clock, telemetry, seconds = FakeClock(), Telemetry(), iter([3.5, 0.0, 3.5])

    def measure():
        clock.advance(next(seconds))
        watchdog.look()
        watchdog.look()
        telemetry.begin_round()

    loop = Loop([Job(measure, 1.0)], clock, threading.Event())
    watchdog = Watchdog(loop, 3.0, clock, telemetry)
    with caplog.at_level(logging.INFO):
        loop.run(iterations=2)
        telemetry.begin_round()
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0].startswith("loop fails: it has stood still for 3.5 s, in ")
    assert messages[1:] == ["loop works again"]
    assert telemetry.measurements()["wca_loop_stuck"] == 1


def test_a_loop_that_waits_for_its_deadline_is_not_stuck():
    clock, telemetry = FakeClock(), Telemetry()
    loop = Loop([Job(lambda: None, 60.0)], clock, threading.Event())
    watchdog = Watchdog(loop, 3.0, clock, telemetry)
    loop.run(iterations=1)
    loop.waiting = True
    clock.advance(50.0)
    watchdog.look()
    assert telemetry.failures("loop") == 0
