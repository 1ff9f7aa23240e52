"""The agent keeps to its budget by measuring less, in a stated order."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.runners.governor import Governor

COLLECTORS = ["first", "second", "third"]


class Agent:
    """Uses what the test says, and remembers what it was told."""

    def __init__(self, **budget):
        self.names = COLLECTORS
        self.now = self.cpu = 0.0
        self.resident = 1 << 20
        self.times, self.stopped = 1, []
        self.uses = {}  # bytes by collector, which come back when it is stopped
        self.kept = 0  # bytes that the C library has not given back
        self.governor = Governor(
            budget, self, self.memory, lambda: self.now, lambda: self.cpu, self.give_back
        )

    def memory(self):
        if self.resident is None:
            return None
        running = (size for name, size in self.uses.items() if name not in self.stopped)
        return self.resident + self.kept + sum(running)

    def give_back(self):
        self.kept = 0

    def stretch(self, times):
        self.times = times

    def stop(self, names):
        self.stopped = names

    @property
    def state(self):
        return self.times, self.stopped

    def look(self, cpu_share=0.0):
        """Ten seconds, ten iterations, at this share of one CPU."""
        for _ in range(10):
            self.now += 1
            self.cpu += cpu_share
            self.governor.run(None)
        return self.state


def test_within_its_budget_everything_is_measured_as_configured():
    agent = Agent(cpu=0.02, memory=64 << 20)
    assert [agent.look(0.019) for _ in range(5)] == [(1, [])] * 5
    assert agent.governor.measurements()["wca_budget_level"] == 0


def test_beyond_it_intervals_become_longer_first_then_collectors_stop_the_last_first():
    agent = Agent(cpu=0.02)
    assert [agent.look(0.03) for _ in range(6)] == [
        (2, []),
        (4, []),
        (8, []),
        (8, ["third"]),
        (8, ["second", "third"]),
        (8, ["second", "third"]),  # the first collector stays
    ]
    assert agent.governor.measurements()["wca_budget_level"] == 5


def test_for_memory_collectors_stop_at_once_because_longer_intervals_would_not_help():
    agent = Agent(memory=10 << 20)
    agent.resident, agent.uses = 11 << 20, {"second": 1 << 20, "third": 1 << 20}
    assert [agent.look() for _ in range(2)] == [(1, ["third"]), (1, ["second", "third"])]


def test_a_collector_whose_stop_frees_no_memory_goes_on_and_another_one_is_stopped(caplog):
    agent = Agent(memory=10 << 20)
    agent.resident, agent.uses = 9 << 20, {"second": 2 << 20}
    with caplog.at_level(logging.INFO):
        assert [agent.look() for _ in range(4)] == [
            (1, ["third"]),
            (1, ["second"]),  # the third has brought nothing
            (1, ["second"]),  # and now it fits
            (1, ["second"]),
        ]
    assert "third goes on: its stop has freed no memory" in caplog.text


def test_where_no_stop_frees_memory_all_is_measured_and_that_is_said_once(caplog):
    agent = Agent(memory=10 << 20)
    agent.resident = 20 << 20
    assert [agent.look() for _ in range(6)] == [(1, ["third"]), (1, ["second"])] + [(1, [])] * 4
    assert agent.governor.measurements()["wca_budget_level"] == 0
    assert caplog.text.count("200% of its memory budget: nothing is left to save") == 1


def test_after_the_agent_was_small_again_every_collector_is_tried_again():
    agent = Agent(memory=10 << 20)
    agent.resident = 20 << 20
    [agent.look() for _ in range(6)]
    agent.resident = 1 << 20
    agent.look()
    agent.resident, agent.uses = 9 << 20, {"third": 2 << 20}
    assert [agent.look() for _ in range(3)] == [(1, ["third"])] * 3


def test_memory_that_the_c_library_keeps_hides_nothing_that_a_stop_has_freed():
    agent = Agent(memory=10 << 20)
    agent.resident, agent.uses = 11 << 20, {"third": 1 << 20}
    agent.look()
    agent.kept = 1 << 20  # as the next samples leave it
    assert agent.look() == (1, ["second", "third"])


def test_a_collector_that_had_to_be_stopped_again_is_given_twice_as_long():
    agent = Agent(memory=10 << 20)
    agent.resident, agent.uses = 5 << 20, {"third": 6 << 20}
    stopped = [bool(agent.look()[1]) for _ in range(400)]
    rests = "".join("x" if one else " " for one in stopped).split()
    assert [len(rest) for rest in rests][:7] == [3, 6, 12, 24, 48, 96, 96]


def test_what_was_stopped_for_memory_goes_on_when_there_has_been_room_for_a_while():
    agent = Agent(memory=10 << 20)
    agent.resident, agent.uses = 9 << 20, {"third": 2 << 20}
    agent.look()
    agent.resident = 1 << 20
    assert [agent.look() for _ in range(3)] == [(1, ["third"])] * 2 + [(1, [])]


def test_steps_are_taken_back_when_there_has_been_room_for_a_while():
    agent = Agent(cpu=0.02)
    agent.look(0.03), agent.look(0.03)
    assert agent.state == (4, [])
    assert [agent.look(0.008) for _ in range(6)] == [(4, [])] * 2 + [(2, [])] * 3 + [(1, [])]


def test_a_consumption_between_the_two_limits_changes_nothing():
    agent = Agent(cpu=0.02)
    agent.look(0.03)
    assert [agent.look(0.015) for _ in range(6)] == [(2, [])] * 6


def test_each_step_is_one_line_with_its_reason_and_the_end_is_said_once(caplog):
    agent = Agent(cpu=0.02)
    with caplog.at_level(logging.INFO):
        for _ in range(8):
            agent.look(0.03)
    lines = [record.message for record in caplog.records]
    assert lines[0] == (
        "the agent uses 150% of its cpu budget: collector intervals are 2 times as long as "
        "configured, stopped collectors: none"
    )
    assert lines[-1] == "the agent uses 150% of its cpu budget: nothing is left to save"
    assert len(lines) == 6


def test_how_much_of_the_budget_is_used_is_told_for_each_resource():
    agent = Agent(cpu=0.02, memory=2 << 20)
    assert "wca_budget_used_ratio" not in agent.governor.measurements()  # nothing was measured yet
    agent.look(0.01)
    used = agent.governor.measurements()["wca_budget_used_ratio"]
    assert used == {"cpu": pytest.approx(0.5), "memory": 0.5}


def test_memory_that_cannot_be_read_is_not_taken_for_none():
    agent = Agent(memory=1 << 20)
    agent.resident = None
    agent.look()
    assert agent.governor.measurements() == {"wca_budget_level": 0}


def test_a_short_peak_is_no_reason_to_act():
    agent = Agent(cpu=0.02)
    for _ in range(4):
        agent.now += 1
        agent.cpu += 0.5
        agent.governor.run(None)
    assert agent.state == (1, [])


MIB = st.integers(0, 30)


# Nothing, or enough to be noticed beside all the rest.
NOTICED = st.one_of(st.just(0), st.integers(5, 30))


@given(other=MIB, first=MIB, second=NOTICED, third=NOTICED)
def test_of_an_agent_that_uses_too_much_nothing_stays_stopped_in_vain(other, first, second, third):
    agent = Agent(memory=10 << 20)
    agent.resident = other << 20
    agent.uses = {"first": first << 20, "second": second << 20, "third": third << 20}
    for _ in range(3):
        agent.look()
    freeing = [name for name in ("second", "third") if agent.uses[name]]
    if agent.memory() > 10 << 20:
        assert agent.stopped == freeing
    else:
        assert set(agent.stopped) <= set(freeing)


@given(sizes=st.lists(MIB, max_size=60), second=MIB, third=MIB)
def test_whatever_memory_is_used_the_first_collector_runs_and_steps_are_one_at_a_time(
    sizes, second, third
):
    agent = Agent(memory=10 << 20)
    agent.uses = {"second": second << 20, "third": third << 20}
    level = 0
    for size in sizes:
        agent.resident = size << 20
        agent.look()
        assert "first" not in agent.stopped
        now = agent.governor.measurements()["wca_budget_level"]
        assert now == len(agent.stopped)
        assert abs(now - level) <= 1
        level = now


@given(shares=st.lists(st.floats(0, 1), max_size=60))
def test_whatever_cpu_time_is_used_the_first_collector_runs_and_steps_are_one_at_a_time(shares):
    agent = Agent(cpu=0.1, memory=1 << 30)
    level = 0
    for share in shares:
        agent.look(share)
        assert "first" not in agent.stopped
        assert agent.times in (1, 2, 4, 8)
        now = agent.governor.measurements()["wca_budget_level"]
        assert abs(now - level) <= 1
        level = now
