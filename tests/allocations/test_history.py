"""What was decided in the last day survives a restart, and no file can do harm."""

import json
import logging
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.allocations.acting import Acting, Group
from tests.allocations.kernel_stand_in import Kernel, Times
from wca.allocations.envelope import Ask
from wca.allocations.history_file import KeptHistory
from wca.allocators import AllocationType
from wca.detectors import TaskData

T = AllocationType


@pytest.fixture
def times():
    return Times()


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "journal.history")


def history(path, times):
    return KeptHistory(path, times.now, times.monotonic)


def ask(name="t", **more):
    return Ask(name, T.SHARES, 0.5, 1.0, {}, **more)


def test_decisions_and_pauses_outlast_the_agent_and_the_boot(path, times):
    first = history(path, times)
    first.record(ask(), times.monotonic(), set())
    first.save()
    times.go(30.0)
    times.steady = 7.0  # another boot: another monotonic clock
    again = history(path, times)
    assert again.decisions(times.monotonic()) == 1
    assert again.since(ask(), times.monotonic()) == pytest.approx(30.0)
    times.go(86_400)
    assert again.decisions(times.monotonic()) == 0


def test_events_of_the_hour_outlast_the_agent(path, times):
    kill = Ask("t", T.KILL, 0.0, None, {})
    first = history(path, times)
    first.record_event(kill, times.monotonic())
    first.save()
    times.go(30.0)
    again = history(path, times)
    assert again.events(kill, times.monotonic()) == 1
    times.go(3600.0)
    assert again.events(kill, times.monotonic()) == 0


def test_a_clock_that_was_set_back_lets_a_decision_be_of_just_now(path, times):
    first = history(path, times)
    first.record(ask(), times.monotonic(), set())
    first.save()
    times.wall -= 10_000.0
    assert history(path, times).since(ask(), times.monotonic()) == 0.0


def test_what_a_person_has_decided_is_not_kept(path, times):
    first = history(path, times)
    first.record(ask(decided=False), times.monotonic(), set())
    first.save()
    assert not os.path.exists(path)


def test_it_is_written_before_anything_is_done(path, times):
    kernel = Kernel()
    kernel.put("/cg/cpu/t", {"cpu.shares": "1024", "cpu.idle": "0"})
    seen, plain = [], kernel.write

    def write(file, text):
        seen.append(os.path.exists(path))
        plain(file, text)

    kernel.write = write
    kept = history(path, times)
    made = Acting(lambda name: Group(name, 1), files=kernel, decides=True, history=kept)
    made.tasks = {"t": TaskData("t", "t", "/t")}
    made.ask({"t": {T.SHARES: 0.5}})
    assert seen == [True]


def test_four_restarts_are_no_way_to_decide_more_in_a_day(path, times):
    applied = 0
    for run in range(4):
        kernel = Kernel()
        made = Acting(
            lambda name: Group(name, 1),
            files=kernel,
            decides=True,
            history=history(path, times),
        )
        for name in "abcdef":
            kernel.put(f"/cg/cpu/{name}", {"cpu.shares": "1024", "cpu.idle": "0"})
            made.tasks[name] = TaskData(name, name, f"/{name}")
        made.now = times.monotonic()
        asked = {name: {T.SHARES: 0.8 - run / 10} for name in "abcdef"}
        applied += sum(str(one) == "applied" for one in made.ask(asked).values())
        times.go(20.0)
    assert applied == 4


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"version": 2}',
        b'{"version": 1}',
        b'{"version": 1, "decisions": [1e999], "changes": []}',
        b'{"version": 1, "decisions": ["x"], "changes": [], "events": {}}',
        b'{"version": 1, "decisions": [], "changes": [["a", 1]], "events": {}}',
        b'{"version": 1, "decisions": 3, "changes": 4}',
    ],
)
def test_a_file_that_cannot_be_used_is_said_and_begun_anew(path, times, content, caplog):
    with open(path, "wb") as file:
        file.write(content)
    with caplog.at_level(logging.WARNING):
        kept = history(path, times)
    assert "cannot be used, what was decided before is not known" in caplog.text
    kept.record(ask(), times.monotonic(), set())
    kept.save()
    assert history(path, times).decisions(times.monotonic()) == 1


def test_a_file_that_others_can_write_is_not_believed(path, times, caplog):
    with open(path, "w") as file:
        json.dump({"version": 1, "decisions": [times.now()], "changes": [], "events": {}}, file)
    os.chmod(path, 0o666)
    assert history(path, times).decisions(times.monotonic()) == 0
    assert "others than its owner can write it" in caplog.text


def test_a_disk_that_does_not_take_it_is_said_once(tmp_path, times, caplog):
    kept = history(str(tmp_path / "gone" / "history"), times)
    for _ in range(3):
        kept.record(ask(), times.monotonic(), set())
        kept.save()
    assert caplog.text.count("decisions are forgotten at a restart") == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.tuples(st.text(max_size=5), st.floats(0, 90_000)), max_size=10))
def test_what_is_read_is_what_was_written(path, times, changes):
    first = history(path, times)
    for name, _ in changes:
        first.record(ask(name), times.monotonic(), set())
    first.save()
    again = history(path, times)
    assert again.dump(round) == first.dump(round)
    os.path.exists(path) and os.unlink(path)
