"""The arithmetic of a task's perf events: over CPUs, over groups, and while CPUs come and go."""

import os
import socket
import struct
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.collectors import TargetGone
from wca.collectors.perf.cpus import OnlineCpus
from wca.collectors.perf.probe import PerfProbe
from wca.collectors.perf.tally import CpuGroup
from wca.errors import WcaError
from wca.linux.files import Kernel
from wca.linux.perf.counting import GroupReading, PerfGroup
from wca.linux.perf.events import parse_event

EVENTS = (parse_event("task_cycles"), parse_event("task_instructions"))


class Readings:
    """Stands for an open group: gives what a test lists, reading after reading, then no news."""

    def __init__(self, *readings):
        self._readings = list(readings)
        self.ended = False
        self.closed = False

    def read(self):
        """The next one; after "offline" the group has ended."""
        given = self._readings.pop(0) if self._readings else None
        if isinstance(given, tuple) and given[0] == "offline":
            self.ended, given = True, given[1]
        return given

    def close(self):
        """Remember it."""
        self.closed = True


def reading(enabled, running, *values):
    return GroupReading(enabled, running, values)


class Machine:
    """The list of CPUs in a file, and what groups opened on each will say."""

    def __init__(self, folder, **groups):
        self._path = os.path.join(folder, "sys/devices/system/cpu/online")
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        self._groups = {name: list(lives) for name, lives in groups.items()}
        self.opened = []
        self.refusal = None
        self.kernel = Kernel(str(folder))

    def online(self, text):
        with open(self._path, "w") as file:
            file.write(text + "\n")

    def open(self, cpus):
        if self.refusal is not None:
            raise self.refusal
        self.opened.append(list(cpus))
        return [
            CpuGroup(cpu, life if isinstance(life, PerfGroup) else Readings(*life), events)
            for cpu in cpus
            for events, life in self._groups[f"cpu{cpu}"].pop(0)
        ]

    def probe(self, online, *, per_cpu=False):
        self.online(online)
        alive = SimpleNamespace(read=lambda: b"", close=lambda: None)
        return PerfProbe(alive, OnlineCpus(self.kernel), self.open, per_cpu=per_cpu)


def lives(*lives_of_events):
    """For each time that the CPU is opened on: one group of events with its readings."""
    return [[(EVENTS, readings)] for readings in lives_of_events]


def read(probe):
    out = {}
    probe.read(out)
    return out


@pytest.fixture
def machine(tmp_path):
    """Makes a machine with CPUs."""
    return lambda **groups: Machine(tmp_path, **groups)


def test_cpus_are_summed_after_each_was_scaled_by_its_own_time(machine):
    probe = machine(
        cpu0=lives([reading(100, 100, 1000, 800)]), cpu1=lives([reading(100, 50, 500, 400)])
    ).probe("0-1")
    assert read(probe) == {
        "task_cycles": 2000,
        "task_instructions": 1600,
        "task_scaling_factor_avg": 1.5,
        "task_scaling_factor_max": 2.0,
    }


def test_each_cpu_has_its_own_numbers_where_that_is_wanted(machine):
    probe = machine(
        cpu0=lives([reading(100, 100, 1000, 800)]), cpu3=lives([reading(100, 50, 500, 400)])
    ).probe("0,3", per_cpu=True)
    assert read(probe) == {
        "task_cycles": {"0": 1000, "3": 1000},
        "task_instructions": {"0": 800, "3": 800},
        "task_scaling_factor_avg": {"0": 1.0, "3": 2.0},
        "task_scaling_factor_max": {"0": 1.0, "3": 2.0},
    }
    assert read(probe) == {
        "task_cycles": {"0": 1000, "3": 1000},
        "task_instructions": {"0": 800, "3": 800},
    }


def test_what_was_given_away_is_not_changed_later(machine):
    life = [reading(100, 100, 10, 8), reading(200, 200, 20, 16)]
    probe = machine(cpu0=lives(life)).probe("0", per_cpu=True)
    first = read(probe)
    read(probe)
    assert first["task_cycles"] == {"0": 10}


def test_a_cpu_on_which_the_task_ran_uncounted_has_no_number_instead_of_zero(machine):
    groups = {"cpu0": lives([reading(100, 0, 0, 0)]), "cpu1": lives([reading(9, 9, 5, 4)])}
    probe = machine(**groups).probe("0-1", per_cpu=True)
    assert read(probe)["task_cycles"] == {"1": 5}


def test_a_task_that_ran_uncounted_has_no_number_instead_of_zero(machine):
    probe = machine(
        cpu0=lives([reading(100, 0, 0, 0), reading(200, 100, 10, 8)]),
        cpu1=lives([reading(0, 0, 0, 0)] * 2),
    ).probe("0-1")
    assert read(probe) == {}
    assert read(probe)["task_cycles"] == 20


def test_zero_is_not_said_any_more_once_a_task_has_run_uncounted(machine):
    life = [reading(0, 0, 0, 0), reading(100, 0, 0, 0), reading(200, 200, 10, 8)]
    probe = machine(cpu0=lives(life)).probe("0")
    assert read(probe) == {"task_cycles": 0, "task_instructions": 0}
    assert read(probe) == {}
    assert read(probe)["task_cycles"] == 10


def test_two_kinds_of_cpus_with_other_groups_are_one_sum(machine):
    apart = [[((event,), [reading(10, 10, 7)]) for event in EVENTS]]
    probe = machine(cpu0=lives([reading(10, 10, 100, 80)]), cpu1=apart).probe("0-1")
    assert (read(probe)["task_cycles"], read(probe)["task_instructions"]) == (107, 87)


def test_a_sum_waits_for_the_kind_of_cpu_on_which_the_task_ran(machine):
    """The one on which it did not run has counted nothing, which is not what the task did."""
    apart = [[((event,), [reading(10, 0, 0), reading(20, 10, 7)]) for event in EVENTS]]
    probe = machine(cpu0=lives([reading(0, 0, 0, 0)]), cpu1=apart).probe("0-1")
    assert read(probe) == {}
    assert read(probe)["task_cycles"] == 14


SOFTWARE = (parse_event("task_clock_seconds"), parse_event("task_context_switches"))


def answering(*answers):
    """A group on a descriptor that gives these answers, one for each ``read``."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        for numbers in answers:
            ours.send(struct.pack(f"={len(numbers)}Q", *numbers))
    return theirs.detach()


def software(*answers):
    """A group of two software events."""
    return PerfGroup([answering(*answers), answering((1, 20, 20, 7))])


def test_software_events_are_summed_over_cpus_in_seconds_and_without_a_factor(machine):
    busy = machine(
        cpu0=[[(SOFTWARE, software((2, 9, 9, 10**9, 3), (2, 9, 9, 10**9, 3)))]],
        cpu1=[[(SOFTWARE, software((2, 0, 0, 0, 0), (2, 9, 9, 5 * 10**8, 1)))]],
    )
    probe = busy.probe("0-1")
    assert read(probe) == {"task_clock_seconds": 1.0, "task_context_switches": 3}
    assert read(probe) == {"task_clock_seconds": 1.5, "task_context_switches": 4}
    probe.close()
    probe.close()


def test_software_events_go_on_from_where_they_were_when_a_cpu_goes(machine):
    alone = (1, 20, 20, 3 * 10**9)  # the group is dissolved, each event answers for itself
    going = ((2, 9, 9, 10**9, 3), alone, alone, alone)
    staying = (2, 9, 9, 10**9, 1), (2, 9, 9, 10**9, 1), (2, 19, 19, 2 * 10**9, 2)
    busy = machine(
        cpu0=[[(SOFTWARE, software(*staying, *staying[2:]))]],
        cpu1=[[(SOFTWARE, software(*going))]],
    )
    probe = busy.probe("0-1")
    assert read(probe) == {"task_clock_seconds": 2.0, "task_context_switches": 4}
    busy.online("0")
    assert read(probe) == {"task_clock_seconds": 5.0, "task_context_switches": 9}
    probe.close()


def test_software_events_that_did_not_count_all_the_time_are_scaled(machine):
    steady, shared = (2, 10, 10, 10**9, 10), (2, 20, 15, 15 * 10**8, 15)
    probe = machine(cpu0=[[(SOFTWARE, software(steady, shared, shared))]]).probe("0")
    read(probe)
    assert read(probe) == {"task_clock_seconds": 2.0, "task_context_switches": 20}
    probe.close()


@pytest.mark.parametrize("per_cpu", [False, True])
def test_a_cpu_that_went_offline_keeps_what_it_had_counted(machine, per_cpu):
    busy = machine(
        cpu0=lives([reading(10, 10, 10, 8), reading(20, 20, 30, 24)]),
        cpu1=lives([reading(9, 9, 5, 4), reading(12, 12, 6, 5)]),
    )
    probe = busy.probe("0-1", per_cpu=per_cpu)
    assert total(read(probe)["task_cycles"]) == 15
    busy.online("0")
    assert total(read(probe)["task_cycles"]) == 36  # with what it counted until it went
    assert total(read(probe)["task_cycles"]) == 36
    assert busy.opened == [[0, 1]]


def total(value):
    return sum(value.values()) if isinstance(value, dict) else value


@pytest.mark.parametrize("per_cpu", [False, True])
def test_a_cpu_that_came_online_is_counted_from_then_on(machine, per_cpu):
    busy = machine(
        cpu0=lives([reading(10, 10, 10, 8)]),
        cpu1=lives([reading(9, 9, 5, 4)], [reading(3, 3, 2, 1)]),
    )
    probe = busy.probe("0-1", per_cpu=per_cpu)
    assert total(read(probe)["task_cycles"]) == 15
    busy.online("0")
    read(probe)
    busy.online("0-1")
    assert [total(read(probe)["task_cycles"]) for _ in range(2)] == [15, 17]
    assert busy.opened == [[0, 1], [1]]


def test_a_cpu_that_was_away_between_two_readings_is_opened_anew(machine):
    busy = machine(
        cpu0=lives([reading(10, 10, 10, 8)] * 1),
        cpu1=lives(
            [reading(9, 9, 5, 4), ("offline", reading(10, 10, 6, 5))], [reading(3, 3, 2, 1)]
        ),
    )
    probe = busy.probe("0-1")
    assert [read(probe)["task_cycles"] for _ in range(3)] == [15, 16, 18]
    assert busy.opened == [[0, 1], [1]]


def test_a_new_cpu_that_cannot_be_opened_costs_its_own_numbers_and_is_tried_again(machine):
    busy = machine(
        cpu0=lives([reading(10, 10, 10, 8), reading(20, 20, 20, 16)]),
        cpu1=lives([reading(9, 9, 5, 4)]),
    )
    probe = busy.probe("0")
    read(probe)
    busy.online("0-1")
    busy.refusal = WcaError("no descriptors are left")
    out = {}
    with pytest.raises(WcaError, match="no descriptors"):
        probe.read(out)
    assert out["task_cycles"] == 20
    busy.refusal = None
    assert [read(probe)["task_cycles"] for _ in range(2)] == [20, 25]


def test_a_task_that_is_gone_is_gone_also_when_a_cpu_comes(machine):
    busy = machine(cpu0=lives([]), cpu1=lives([]))
    probe = busy.probe("0")
    busy.online("0-1")
    busy.refusal = TargetGone("removed")
    with pytest.raises(TargetGone):
        read(probe)


def test_all_tasks_together_look_for_cpus_once_per_round(machine):
    busy = machine(cpu0=lives(*[[]] * 100))
    busy.online("0")
    online = OnlineCpus(busy.kernel)
    alive = SimpleNamespace(read=lambda: b"", close=lambda: None)
    probes = [PerfProbe(alive, online, busy.open) for _ in range(100)]
    for _ in range(10):
        before = busy.kernel.calls.reads
        for probe in probes:
            read(probe)
        assert busy.kernel.calls.reads - before == 1


@given(st.lists(st.lists(st.booleans(), min_size=5, max_size=5), max_size=30))
def test_whoever_looks_when_nobody_looks_twice_at_the_same_content(tmp_path_factory, rounds):
    busy = Machine(tmp_path_factory.mktemp("cpus"))
    busy.online("0")
    online = OnlineCpus(busy.kernel)
    seen = [online.round] * 5
    for number, looking in enumerate(rounds, 1):
        busy.online(f"0-{number}")
        for who, looks in enumerate(looking):
            if looks:
                seen[who] = online.look(seen[who])
        if all(looking):  # whoever missed rounds may be late by one
            assert max(online.cpus) >= number - 1
    online.close()


@pytest.mark.parametrize("content", ["", "x", "0-", "5-3", "\0"])
def test_a_list_of_cpus_that_makes_no_sense_changes_nothing(machine, content):
    busy = machine(cpu0=lives([reading(1, 1, 1, 1), reading(2, 2, 2, 2)]))
    probe = busy.probe("0")
    read(probe)
    busy.online(content)
    assert read(probe)["task_cycles"] == 2
    assert busy.opened == [[0]]


def test_every_group_is_closed_once_and_for_all(machine):
    busy = machine(cpu0=lives([reading(1, 1, 1, 1)]))
    opened = []
    real = busy.open
    busy.open = lambda cpus: opened.extend(real(cpus)) or opened
    probe = busy.probe("0")
    probe.close()
    probe.close()
    assert [one.group.closed for one in opened] == [True]


class Counting:
    """A kernel on which the task runs here and there, and CPUs come and go."""

    def __init__(self, folder):
        self.machine = Machine(folder)
        self.online = {0, 1, 2}
        self.groups = []
        self.say()

    def say(self):
        self.machine.online(",".join(map(str, sorted(self.online))))

    def open(self, cpus):
        opened = [CpuGroup(cpu, LiveGroup(cpu), EVENTS) for cpu in cpus if cpu in self.online]
        self.groups += [one.group for one in opened]
        return opened

    def run(self, cpu):
        for group in self.groups:
            if group.cpu == cpu and cpu in self.online and not group.dead:
                group.counted += 10

    def go(self, cpu):
        self.online = self.online - {cpu} or {cpu}
        for group in self.groups:
            group.dead = group.dead or group.cpu not in self.online
        self.say()

    def come(self, cpu):
        self.online = self.online | {cpu}
        self.say()


class LiveGroup:
    """A group that counts until its CPU goes; then its last value stays."""

    def __init__(self, cpu):
        self.cpu, self.counted, self.dead, self.ended, self._last = cpu, 0, False, False, None

    def read(self):
        state = (self.counted, self.dead)
        if state == self._last:
            return None
        self._last, self.ended = state, self.dead
        return reading(self.counted, self.counted, self.counted, self.counted)

    def close(self):
        self.dead = True


STEPS = st.tuples(st.sampled_from(["run", "run", "go", "come", "read"]), st.integers(0, 2))


@given(st.lists(STEPS, max_size=60), st.booleans())
def test_whatever_cpus_do_nothing_that_was_counted_is_lost_or_counted_twice(
    tmp_path_factory, steps, per_cpu
):
    world = Counting(tmp_path_factory.mktemp("world"))
    alive = SimpleNamespace(read=lambda: b"", close=lambda: None)
    online = OnlineCpus(world.machine.kernel)
    probe = PerfProbe(alive, online, world.open, per_cpu=per_cpu)
    last = 0
    for what, cpu in [*steps, ("read", 0)]:
        if what != "read":
            getattr(world, what)(cpu)
            continue
        now = total(read(probe)["task_cycles"])
        assert now == sum(group.counted for group in world.groups)
        assert now >= last
        last = now
    probe.close()
    online.close()
    assert all(group.dead for group in world.groups)
