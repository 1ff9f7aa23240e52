"""What is counted where: kinds of CPUs, names of this machine, refusals. The opener is a stand-in.

The kernel's part, whether an event can be opened on a CPU, is a table here, because hybrid
processors cannot be had in a test; real refusals are in test_task_perf and tests/vm.
"""

import errno
import logging
import os
from types import SimpleNamespace

import pytest

from wca.collectors import NotAvailable
from wca.collectors.task_perf import TaskPerfCollector
from wca.errors import Exhausted, ValidationError, WcaError
from wca.linux.perf.counting import GroupReading
from wca.linux.perf.pmu import PMUS
from wca.linux.topology import ONLINE_CPUS
from wca.metrics import CATALOGUE
from wca.testing import KernelTree, PmuTree

CLOCK = (1, 1)
CORE, ATOM = 4, 10


class Perf:
    """Stands for perf_event_open: what it can count, and what was opened in the end."""

    def __init__(self, countable, together=lambda names: True):
        self._countable = countable
        self.together = together
        self.opened = []
        self.tried = 0
        self.exhausted = False

    def open(self, events, folder, cpu):
        self.tried += 1
        if self.exhausted:
            raise OSError(errno.EMFILE, "too many open files")
        for event in events:
            if event.software or self._countable(cpu, event.type, event.config):
                continue
            raise OSError(errno.ENOENT, "no such event")
        if not self.together({event.name for event in events}):
            raise OSError(errno.EINVAL, "not at the same time")
        group = SimpleNamespace(enable=None, close=lambda: None, ended=False)
        group.enable = lambda: self.opened.append(
            (cpu, [(e.name, e.type, e.config) for e in events])
        )
        values = tuple(10 * (cpu + 1) for _ in events)
        readings = [GroupReading(1, 1, values)]
        group.read = lambda: readings.pop() if readings else None
        return group


@pytest.fixture
def tree(tmp_path):
    """Four CPUs, no PMU yet."""
    return KernelTree(tmp_path, cores=4)


FORMATS = {"event": "0-7", "umask": "8-15", "cmask": "24-31"}


def add(tree, name, type_, events=None, cpus=None):
    PmuTree(tree).add(name, type_, cpus=cpus, formats=FORMATS, events=events)


def hybrid(tree):
    add(tree, "cpu_core", CORE, {"mem-loads": "event=0xcd,umask=0x1"}, cpus="0-1")
    add(tree, "cpu_atom", ATOM, {"mem-loads": "event=0xd0,umask=0x5"}, cpus="2-3")


def counted_by_own_pmu(cpu, type_, config):
    """As the kernel does: an event of one PMU cannot be opened on the CPUs of another."""
    own = CORE if cpu < 2 else ATOM
    return (type_ in (0, 3) and config >> 32 == own) or type_ == own


def attach(tree, perf, names, *, collector=None, **options):
    collector = collector or TaskPerfCollector(names, open_group=perf.open, **options)
    alive = SimpleNamespace(read=lambda: b"", close=lambda: None)
    cgroup = SimpleNamespace(
        version=lambda controller: 2,
        directory=lambda controller: tree.root,
        open=lambda controller, name: alive,
    )
    task = SimpleNamespace(task_id="task")
    target = SimpleNamespace(cgroup=cgroup, node=tree.kernel, task=task)
    return collector, collector.attach(target)


def refuses(type_, cpus):
    """What a hybrid processor counts, of which some CPUs count no event of a type."""
    return lambda cpu, kind, config: (
        counted_by_own_pmu(cpu, kind, config) and not (kind == type_ and cpu in cpus)
    )


def test_an_event_that_one_kind_refused_stays_left_out_when_another_kind_comes_online(tree):
    hybrid(tree)
    tree.write(ONLINE_CPUS, "0-1\n")
    perf = Perf(refuses(3, (0, 1)))
    collector, probe = attach(tree, perf, ["task_cycles", "task_llc_loads"])
    assert read(probe).keys() >= {"task_cycles"}
    tree.write(ONLINE_CPUS, "0-3\n")
    assert "task_llc_loads" not in read(probe)
    _, newer = attach(tree, perf, ["task_cycles", "task_llc_loads"], collector=collector)
    assert "task_llc_loads" not in read(newer)
    names = {cpu: [event for event, _, _ in events] for cpu, events in perf.opened}
    assert names == {cpu: ["task_cycles"] for cpu in range(4)}


def test_a_list_of_cpus_that_makes_no_sense_changes_nothing(tree):
    perf = Perf(lambda cpu, type_, config: True)
    collector, probe = attach(tree, perf, ["task_cycles"])
    tree.write(ONLINE_CPUS, "some\n")
    assert read(probe)["task_cycles"] == 10 + 20 + 30 + 40
    collector.close(0)


def test_what_was_refused_because_nothing_could_be_counted_is_tried_again(tree):
    hybrid(tree)
    refused = [0, 1, 2, 3]
    perf = Perf(refuses(0, refused))
    with pytest.raises(NotAvailable, match="task_cycles: "):
        attach(tree, perf, ["task_cycles"])
    refused.clear()
    _, probe = attach(tree, perf, ["task_cycles"])
    assert read(probe)["task_cycles"] == 10 + 20 + 30 + 40


def test_descriptors_that_do_not_suffice_are_told_where_kinds_of_cpus_count_different_events(tree):
    hybrid(tree)
    perf = Perf(refuses(3, (2, 3)))
    names = ["task_cycles", "task_instructions", "task_llc_loads"]
    collector, _ = attach(tree, perf, names, aggregate_cpus=False)
    perf.exhausted = True
    needs = "a task needs 10 descriptors for its perf events on 4 CPUs of several kinds, and so"
    with pytest.raises(WcaError, match=needs):
        attach(tree, perf, names, collector=collector)


def read(probe):
    out = {}
    probe.read(out)
    return out


def test_on_a_hybrid_processor_each_cpu_counts_with_its_own_pmu(tree):
    hybrid(tree)
    perf = Perf(counted_by_own_pmu)
    _, probe = attach(tree, perf, ["task_cycles", "task_llc_loads", "some__r0302"])
    core = [("task_cycles", 0, CORE << 32), ("task_llc_loads", 3, CORE << 32 | 2)]
    atom = [("task_cycles", 0, ATOM << 32), ("task_llc_loads", 3, ATOM << 32 | 2)]
    assert perf.opened == [
        (0, [*core, ("some__r0302", CORE, 0x203)]),
        (1, [*core, ("some__r0302", CORE, 0x203)]),
        (2, [*atom, ("some__r0302", ATOM, 0x203)]),
        (3, [*atom, ("some__r0302", ATOM, 0x203)]),
    ]
    assert read(probe)["task_cycles"] == 10 + 20 + 30 + 40


def test_a_name_of_the_kernel_is_another_code_on_another_kind_of_cpu(tree):
    hybrid(tree)
    perf = Perf(counted_by_own_pmu)
    _, probe = attach(tree, perf, ["mem-loads"])
    assert [events for _, events in perf.opened] == [
        [("task_mem_loads", CORE, 0x1CD)],
        [("task_mem_loads", CORE, 0x1CD)],
        [("task_mem_loads", ATOM, 0x5D0)],
        [("task_mem_loads", ATOM, 0x5D0)],
    ]
    assert read(probe) == {
        "task_mem_loads": 100,
        "task_scaling_factor_avg": 1,
        "task_scaling_factor_max": 1,
    }


def test_a_sum_that_would_miss_a_kind_of_cpu_is_no_sum(tree, caplog):
    hybrid(tree)
    perf = Perf(lambda cpu, type_, config: counted_by_own_pmu(cpu, type_, config) and type_ != ATOM)
    with caplog.at_level(logging.INFO):
        _, probe = attach(tree, perf, ["some__r0302", "task_cycles"])
    assert "task_cycles" in read(probe)
    assert "some__r0302" not in read(probe)
    assert "not counted: some__r0302: cpu_atom: this machine has no counter" in caplog.text


def test_by_cpu_it_is_counted_where_it_can_be(tree):
    hybrid(tree)
    perf = Perf(lambda cpu, type_, config: counted_by_own_pmu(cpu, type_, config) and type_ != ATOM)
    _, probe = attach(tree, perf, ["some__r0302", "task_cycles"], aggregate_cpus=False)
    assert read(probe)["some__r0302"] == {"0": 10, "1": 20}
    assert read(probe)["task_cycles"] == {"0": 10, "1": 20, "2": 30, "3": 40}


def test_an_event_named_for_one_kind_is_counted_there_and_lacks_nothing(tree, caplog):
    hybrid(tree)
    perf = Perf(counted_by_own_pmu)
    with caplog.at_level(logging.INFO):
        _, probe = attach(tree, perf, ["cpu_atom/mem-loads/", "task_cycles"])
    assert read(probe)["task_cpu_atom_mem_loads"] == 30 + 40
    assert "not counted" not in caplog.text


def test_an_unknown_name_is_said_once_with_what_is_near_and_the_others_are_counted(tree, caplog):
    add(tree, "cpu", CORE, {"mem-loads": "event=0xcd,umask=0x1"})
    perf = Perf(lambda cpu, type_, config: True)
    collector = TaskPerfCollector(["mem-lods", "task_cycles"], open_group=perf.open)
    target = target_in(tree)
    with caplog.at_level(logging.INFO):
        probes = [collector.attach(target) for _ in range(3)]
    assert [set(read(probe)) - FACTORS for probe in probes] == [{"task_cycles"}] * 3
    said = [line for line in caplog.messages if "not counted" in line]
    assert said == [
        "not counted: task_mem_lods: cpu has no event mem-lods, did you mean mem-loads?"
    ]


FACTORS = {"task_scaling_factor_avg", "task_scaling_factor_max"}


def target_in(tree):
    alive = SimpleNamespace(read=lambda: b"", close=lambda: None)
    cgroup = SimpleNamespace(
        version=lambda controller: 2,
        directory=lambda controller: tree.root,
        open=lambda controller, name: alive,
    )
    task = SimpleNamespace(task_id="task")
    return SimpleNamespace(cgroup=cgroup, node=tree.kernel, task=task)


def test_where_nothing_that_was_asked_for_exists_the_reason_names_all(tree):
    add(tree, "cpu", CORE)
    perf = Perf(lambda cpu, type_, config: False)
    with pytest.raises(NotAvailable) as missing:
        attach(tree, perf, ["zzzz", "task_cycles"])
    assert missing.value.reason == (
        "task_zzzz: cpu has no event zzzz; task_cycles: this machine has no counter for it "
        "(virtual machines often have none)"
    )


def test_a_cpu_of_another_kind_that_comes_later_is_tried_then(tree):
    add(tree, "cpu_core", CORE, cpus="0-1")
    add(tree, "cpu_atom", ATOM, cpus="")
    tree.set_online([0, 1])
    perf = Perf(counted_by_own_pmu)
    _, probe = attach(tree, perf, ["task_cycles"])
    assert read(probe)["task_cycles"] == 30
    tree.write(f"{PMUS}/cpu_atom/cpus", "2\n")
    tree.set_online([0, 1, 2])
    assert [read(probe)["task_cycles"] for _ in range(2)] == [30, 60]
    assert perf.opened[-1] == (2, [("task_cycles", 0, ATOM << 32)])


def test_what_this_processor_counts_instead_is_said(tree, caplog):
    add(tree, "cpu", CORE)
    tree.write(
        "/proc/cpuinfo",
        "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\nstepping\t: 1\n",
    )
    perf = Perf(lambda cpu, type_, config: True)
    with caplog.at_level(logging.INFO):
        attach(tree, perf, ["task_mem_inst_retired_loads", "task_cycles"])
    said = "task_mem_inst_retired_loads is LS_DISPATCH.LD_DISPATCH on this processor, which"
    assert caplog.messages == [f"{said} counts operations that were dispatched, not retired"]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], "name at least one"),
        (["task_cycles", "task_cycles"], "listed twice"),
        (["cycles", "task_cycles"], "'task_cycles' is listed twice, as task_cycles"),
        (["cpu/event=0x1,name=task_up/"], "task_up is another metric"),
        (["task_cycle"], "did you mean task_cycles"),
        (["no spaces please"], "there is no perf event"),
    ],
)
def test_names_that_no_machine_has_are_refused_at_once(names, sentence):
    with pytest.raises(ValidationError, match=sentence):
        TaskPerfCollector(names)


def entries(names, **options):
    return {entry.name: entry for entry in TaskPerfCollector(names, **options).metrics}


def test_the_catalogue_says_what_raw_events_and_those_of_the_kernel_are():
    found = entries(["some__r0302ff", "mem-loads", "cpu/event=0xd0,name=mine/", "task_cycles"])
    assert found.keys() == {"some__r0302ff", "task_mem_loads", "mine"}
    assert "event 0x03, unit mask 0x02, counter mask 0xff" in found["some__r0302ff"].help
    assert "mem-loads" in found["task_mem_loads"].help
    for entry in found.values():
        assert (entry.type, entry.unit, entry.granularity) == ("counter", "numeric", "task")
        assert entry.levels == ()


def test_by_cpu_everything_that_is_given_has_the_level_cpu():
    found = entries(["task_cycles", "task_instructions", "some__r0302"], aggregate_cpus=False)
    assert found.keys() == {
        *("task_cycles", "task_instructions", "some__r0302", "task_ips", "task_ipc"),
        *FACTORS,
    }
    assert {entry.levels for entry in found.values()} == {("cpu",)}
    assert found["task_cycles"].help == CATALOGUE["task_cycles"].help


def test_nothing_is_tried_again_for_the_next_task(tree):
    add(tree, "cpu", CORE)
    perf = Perf(lambda cpu, type_, config: True)
    collector = TaskPerfCollector(["task_cycles", "task_instructions"], open_group=perf.open)
    collector.attach(target_in(tree)).close()
    before = perf.tried
    collector.attach(target_in(tree)).close()
    assert perf.tried - before == 4  # one group on each CPU
    collector.close(1.0)


FOUR = ["task_cycles", "task_instructions", "task_cache_references", "task_cache_misses"]
PAIR = ["one__r01d0", "other__r02d0"]


def anything(cpu, type_, config):
    return True


def groups_on(perf, cpu):
    return [{name for name, *_ in events} for number, events in perf.opened if number == cpu]


def test_two_events_that_exclude_each_other_part_no_others(tree):
    """Misses per 1000 instructions need three of the four at the same time."""
    perf = Perf(anything, together=lambda names: not names.issuperset(PAIR))
    collector, _ = attach(tree, perf, [*FOUR, *PAIR])
    for cpu in range(4):
        assert groups_on(perf, cpu) == [set(FOUR), {PAIR[0]}, {PAIR[1]}]
    before, perf.opened = perf.tried, []
    attach(tree, perf, [*FOUR, *PAIR], collector=collector)
    assert perf.tried - before == 4 * 3  # what was learned stays
    assert groups_on(perf, 3) == [set(FOUR), {PAIR[0]}, {PAIR[1]}]


def test_a_group_that_is_refused_in_any_part_is_planned_as_before(tree):
    """The kernel gives this answer for other reasons as well, such as one of a single task."""
    perf = Perf(anything)
    collector, _ = attach(tree, perf, FOUR)
    perf.together = lambda names: False
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(WcaError, match="not at the same time"):
        attach(tree, perf, FOUR, collector=collector)
    assert len(os.listdir("/proc/self/fd")) == before
    perf.together, perf.opened = lambda names: True, []
    attach(tree, perf, FOUR, collector=collector)
    assert groups_on(perf, 0) == [set(FOUR)]


@pytest.mark.parametrize("counters", [1, 2, 3])
def test_a_processor_with_few_counters_has_groups_that_fit_and_keep_the_pairs(tree, counters):
    perf = Perf(anything, together=lambda names: len(names) <= counters)
    attach(tree, perf, FOUR)
    groups = groups_on(perf, 0)
    assert set.union(*groups) == set(FOUR)
    assert max(map(len, groups)) <= counters
    if counters > 1:
        assert set(FOUR[:2]) in groups
        assert set(FOUR[2:]) in groups


def test_a_cpu_that_goes_while_its_groups_are_opened_leaves_none_of_them_open(tree):
    opened, closed = [], []

    def open_group(events, folder, cpu):
        if len(opened) == 4:  # after three questions what it counts, and the group of the clock
            raise OSError(errno.ENODEV, "it is offline")
        opened.append(cpu)
        return SimpleNamespace(
            enable=lambda: None, close=lambda: closed.append(cpu), read=lambda: None, ended=False
        )

    tree.write(ONLINE_CPUS, "3\n")
    names = ["task_clock_seconds", "task_cycles"]
    collector = TaskPerfCollector(names, open_group=open_group)
    collector.attach(target_in(tree)).close()
    assert closed == opened


class Slow(Perf):
    """Opening a group takes a hundredth of a second."""

    now = 0.0

    def open(self, events, folder, cpu):
        self.now += 0.01
        return super().open(events, folder, cpu)


def target_named(tree, name):
    target = target_in(tree)
    target.task.task_id = name
    return target


def test_many_tasks_open_their_events_in_turns_over_several_rounds(tree):
    perf = Slow(anything)
    collector = TaskPerfCollector(FOUR, open_group=perf.open, monotonic=lambda: perf.now)
    first = collector.attach(target_named(tree, "first"))  # with the questions what can be counted
    probes = [collector.attach(target_named(tree, f"task{number}")) for number in range(6)]
    assert len(read(first))
    assert collector.unmeasured == dict.fromkeys(
        [f"task{number}" for number in range(6)], "opening"
    )
    counted, rounds = [], []
    for _ in range(4):
        start = perf.now
        read(first)
        counted.append(sum(bool(read(probe)) for probe in probes))
        rounds.append(perf.now - start)
    assert counted == [2, 4, 6, 6]  # at 0.04 s each, the second one begins within 0.05 s
    assert max(rounds) < 0.1
    assert rounds[-1] == 0
    assert collector.unmeasured == {}
    assert all("task_cycles" in read(probe) for probe in probes)


def test_a_task_that_ends_before_its_turn_is_forgotten(tree):
    perf = Slow(anything)
    collector = TaskPerfCollector(FOUR, open_group=perf.open, monotonic=lambda: perf.now)
    collector.attach(target_named(tree, "first"))
    probe = collector.attach(target_named(tree, "second"))
    assert collector.unmeasured == {"second": "opening"}
    probe.close()
    assert collector.unmeasured == {}


def test_a_task_for_which_descriptors_lack_when_it_is_its_turn_says_so_and_tries_again(tree):
    perf = Slow(anything)
    collector = TaskPerfCollector(FOUR, open_group=perf.open, monotonic=lambda: perf.now)
    first = collector.attach(target_named(tree, "first"))
    second = collector.attach(target_named(tree, "second"))
    perf.exhausted = True
    read(first)
    with pytest.raises(Exhausted, match="4 perf events x 4 CPUs = 16 descriptors"):
        read(second)
    assert collector.unmeasured == {"second": "exhausted"}
    perf.exhausted = False
    read(first)
    assert "task_cycles" in read(second)
    assert collector.unmeasured == {}


def test_a_single_event_needs_a_companion_which_the_arithmetic_tells(tree):
    perf = Perf(anything)
    collector, _ = attach(tree, perf, [*FOUR, PAIR[0]])
    perf.exhausted = True
    needs = "a task needs 6 descriptors for 5 perf events x 4 CPUs = 24 descriptors, and so many"
    with pytest.raises(Exhausted, match=needs):
        attach(tree, perf, [*FOUR, PAIR[0]], collector=collector)


def test_the_folder_of_the_task_is_closed_again(tree):
    add(tree, "cpu", CORE)
    perf = Perf(lambda cpu, type_, config: True)
    before = len(os.listdir("/proc/self/fd"))
    collector, probe = attach(tree, perf, ["task_cycles"])
    probe.close()
    collector.close(1.0)
    assert len(os.listdir("/proc/self/fd")) == before
