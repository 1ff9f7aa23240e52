"""The working set of real processes by their marks of use, and the settings of the collector."""

import itertools
from types import SimpleNamespace

import pytest

from wca.collectors import NotAvailable, TargetGone
from wca.collectors.task_wss import TaskWssCollector
from wca.errors import ValidationError
from wca.linux.cgroups import CgroupHierarchies
from wca.metrics import CATALOGUE
from wca.testing.kernel import KernelTree

MIB = 1 << 20
SIZE = 40 * MIB
REFERENCED = "task_wss_referenced_bytes"
WORKING_SET = "task_working_set_size_bytes"
OVERHEAD = "task_wss_measure_overhead_seconds"
TOUCH = "sum(block[at] for at in range(0, {size}, 4096))"


class Ticks:
    """A clock that goes on by a second with each look."""

    def __init__(self):
        self.monotonic = itertools.count().__next__


def attach(collector, cgroup, kernel, task_id="task"):
    target = SimpleNamespace(cgroup=cgroup, node=kernel, task=SimpleNamespace(task_id=task_id))
    return collector.attach(target)


def read(probe):
    out = {}
    probe.read(out)
    return out


# Real processes


@pytest.fixture
def holder(real_cgroups):
    """A process with 40 MiB of small pages, and what attaches a collector to it."""
    path = real_cgroups.make("holder")
    worker = real_cgroups.worker(path)
    worker.do(f"import mmap; block = mmap.mmap(-1, {SIZE}, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)")
    worker.do("block.madvise(mmap.MADV_NOHUGEPAGE)")
    worker.do(f"any(block.__setitem__(at, 1) for at in range(0, {SIZE}, 4096))")
    return worker, lambda one: attach(one, real_cgroups.locate(path), real_cgroups.kernel)


def test_what_is_touched_after_a_reset_is_what_is_referenced(holder):
    worker, to = holder
    probe = to(TaskWssCollector(reset_cycles=1))
    assert read(probe)[REFERENCED] > SIZE
    worker.do("pass")
    idle = read(probe)[REFERENCED]
    worker.do(TOUCH.format(size=SIZE // 2))
    half = read(probe)[REFERENCED]
    assert idle < 10 * MIB
    assert half - idle == pytest.approx(SIZE // 2, rel=0.1, abs=3 * MIB)


def test_without_a_reset_use_adds_up(holder):
    _, to = holder
    probe = to(TaskWssCollector(reset_cycles=3))
    sizes = [read(probe)[REFERENCED] for _ in range(3)]
    assert sizes[0] <= sizes[1] <= sizes[2]
    assert read(probe)[REFERENCED] < sizes[0] / 2


def test_the_marks_are_left_when_that_is_asked_for(holder):
    _, to = holder
    probe = to(TaskWssCollector(reset_cycles=0))
    assert all(read(probe)[REFERENCED] > SIZE for _ in range(4))


def test_the_cost_is_told_and_grows(holder):
    _, to = holder
    probe = to(TaskWssCollector(reset_cycles=1))
    costs = [read(probe)[OVERHEAD] for _ in range(3)]
    assert 0 < costs[0] < costs[1] < costs[2] < 5


def test_the_working_set_is_found_with_the_traffic_of_the_task(holder):
    _, to = holder
    traffic = itertools.count(0, 10**9)
    asked = []
    collector = TaskWssCollector(0, stable_cycles=1, membw_threshold=0.1)
    collector.use_memory_traffic(lambda task: asked.append(task) or next(traffic))
    probe = to(collector)
    samples = [read(probe) for _ in range(4)]
    assert [WORKING_SET in sample for sample in samples] == [False, False, False, True]
    assert samples[3][WORKING_SET] == pytest.approx(samples[3][REFERENCED], rel=0.2)
    assert asked == ["task"] * 4


def test_a_process_that_has_ended_is_left_out(holder, real_cgroups):
    worker, to = holder
    probe = to(TaskWssCollector(reset_cycles=1))
    read(probe)
    worker.stop()
    assert read(probe).keys() == {OVERHEAD}


# A tree


@pytest.fixture
def tree(tmp_path):
    tree = KernelTree(tmp_path, "v2")
    tree.add_task("/task", pids=(100, 101, 102))
    for number, pid in enumerate(("self", 100, 101), 1):
        tree.write(f"/proc/{pid}/smaps_rollup", f"x [rollup]\nReferenced: {number} kB\n")
    yield tree
    tree.kernel.close()


def of_tree(tree, collector, path="/task"):
    cgroup = CgroupHierarchies(tree.kernel).locate(path)
    return attach(collector, cgroup, tree.kernel)


def test_processes_are_added_up_and_each_is_reset(tree):
    written = []
    collector = TaskWssCollector(2, clock=Ticks(), write=lambda *what: written.append(what))
    probe = of_tree(tree, collector)
    assert read(probe) == {REFERENCED: 5 * 1024, OVERHEAD: 1}
    assert not written
    assert read(probe)[OVERHEAD] == 2
    assert written == [("/proc/100/clear_refs", b"1\n"), ("/proc/101/clear_refs", b"1\n")]


def refuse(error):
    def write(path, content):
        raise error

    return write


def test_a_process_that_ends_before_its_reset_does_no_harm(tree):
    probe = of_tree(tree, TaskWssCollector(1, write=refuse(TargetGone("gone"))))
    assert read(probe)[REFERENCED] == 5 * 1024


def test_a_kernel_that_refuses_is_told(tree):
    probe = of_tree(tree, TaskWssCollector(1, write=refuse(NotAvailable("Permission denied"))))
    with pytest.raises(NotAvailable, match="Permission denied"):
        probe.read({})


def test_without_traffic_the_reason_is_said_once(tree, caplog):
    collector = TaskWssCollector(1, 5, 0.1, write=lambda *what: None)
    for probe in (of_tree(tree, collector), of_tree(tree, collector)):
        for _ in range(3):
            assert WORKING_SET not in read(probe)
    (record,) = caplog.records
    assert "it needs task_mem_bandwidth_bytes, which is not measured" in record.message


def test_a_kernel_without_the_file_is_told(tree):
    tree.remove("/proc/self")
    tree.write("/proc/self/mountinfo", "")
    with pytest.raises(NotAvailable, match="smaps_rollup does not exist"):
        TaskWssCollector(1).attach(SimpleNamespace(node=tree.kernel))


# Generations, in a tree


def lru(*groups):
    """The file, with generations of (number, pages) on one node for each group."""
    text = ""
    for number, (path, generations) in enumerate(groups, 1):
        text += f"memcg {number:5} {path}\n node {0:5}\n"
        text += "".join(f" {seq:10} {50:10} {pages:10}  {0:10} \n" for seq, pages in generations)
    return text


class Lru:
    """Stands for the kernel that ages pages when it is told."""

    def __init__(self, tree):
        self.tree = tree
        self.commands = []
        self.next = None
        tree.write("/sys/kernel/mm/lru_gen/enabled", "0x0007\n")

    def show(self, *groups):
        self.tree.write("/sys/kernel/debug/lru_gen", lru(*groups))

    def write(self, path, content):
        assert path == "/sys/kernel/debug/lru_gen"
        self.commands.append(content)
        if self.next:
            self.show(*self.next)

    def attach(self, cycles=1, collector=None, path="/task"):
        """A probe that was read for the first time."""
        collector = collector or self.collector(cycles)
        probe = of_tree(self.tree, collector, path)
        assert read(probe).keys() == {OVERHEAD}
        return probe

    def collector(self, cycles=1):
        self.last = TaskWssCollector(cycles, method="lru_gen", write=self.write, clock=Ticks())
        return self.last


ROOT = ("/", [(0, 1000), (1, 1000)])


def test_the_working_set_is_what_the_last_window_used(tree):
    kernel = Lru(tree)
    kernel.show(ROOT, ("/task", [(0, 100), (3, 7)]), ("/taskmaster", [(3, 9999)]))
    probe = kernel.attach()
    assert kernel.commands == []  # the window begins with the second reading
    kernel.next = [ROOT, ("/task", [(1, 100), (4, 0)])]
    assert read(probe) == {OVERHEAD: 3}  # two looks at the list, and what is between them
    assert kernel.commands == [b"+ 2 0 3 1 1\n"]
    kernel.next = [ROOT, ("/task", [(2, 80), (4, 20), (5, 1)])]
    assert read(probe) == {WORKING_SET: 21 * 4096, OVERHEAD: 6}


def test_groups_below_count_and_one_that_is_new_counts_whole(tree):
    kernel = Lru(tree)
    kernel.show(("/task", [(0, 10), (3, 7)]))
    probe = kernel.attach()
    kernel.next = [("/task", [(1, 10), (4, 0)])]
    read(probe)
    kernel.next = [
        ("/task", [(2, 10), (4, 5), (5, 0)]),
        ("/task/below", [(0, 3), (1, 1)]),
        ("/task-other", [(0, 999)]),
        ("/task0", [(0, 999)]),
    ]
    assert read(probe)[WORKING_SET] == 9 * 4096


def test_between_the_ends_of_windows_the_last_number_is_given(tree):
    kernel = Lru(tree)
    kernel.show(("/task", [(0, 10), (3, 7)]))
    probe = kernel.attach(cycles=2)
    kernel.next = [("/task", [(1, 10), (4, 5)])]
    assert [WORKING_SET in read(probe) for _ in range(4)] == [False, False, True, True]
    assert len(kernel.commands) == 2


def test_when_the_generations_have_merged_the_number_is_absent(tree):
    kernel = Lru(tree)
    kernel.show(("/task", [(0, 10), (3, 7)]))
    probe = kernel.attach()
    kernel.next = [("/task", [(1, 10), (4, 5)])]
    read(probe)
    kernel.next = [("/task", [(6, 10), (7, 5)])]
    assert WORKING_SET not in read(probe)


def test_a_task_that_the_kernel_does_not_show_any_more_is_gone(tree):
    kernel = Lru(tree)
    kernel.show(("/task", [(0, 10)]))
    probe = kernel.attach()
    read(probe)
    kernel.show(ROOT)
    with pytest.raises(TargetGone, match="no memory cgroup /task"):
        probe.read({})


def test_what_lacks_for_generations_is_told(tree):
    kernel = Lru(tree)
    with pytest.raises(NotAvailable, match="lru_gen does not exist; it needs debugfs and root"):
        kernel.attach()
    kernel.show(ROOT)
    probe = kernel.attach()
    with pytest.raises(NotAvailable, match=r"does not show .*/task"):
        read(probe)
    tree.write("/sys/kernel/mm/lru_gen/enabled", "0x0000\n")
    with pytest.raises(NotAvailable, match="switched off; write y to /sys/kernel/mm/lru_gen"):
        kernel.attach()
    tree.remove("/sys/kernel/mm")
    with pytest.raises(NotAvailable, match="enabled does not exist"):
        kernel.attach()


def test_a_command_that_is_refused_for_every_group_is_told(tree):
    kernel = Lru(tree)
    kernel.show(("/task", [(0, 10)]))
    kernel.write = refuse(NotAvailable("Operation not permitted"))
    probe = kernel.attach()
    with pytest.raises(NotAvailable, match="not permitted"):
        probe.read({})


def many(kernel, count):
    """A collector with probes of so many tasks, all read once."""
    for number in range(count):
        kernel.tree.add_task(f"/many{number}")
    kernel.show(ROOT, *((f"/many{number}", [(0, number), (1, 1)]) for number in range(count)))
    collector = kernel.collector()
    return [kernel.attach(collector=collector, path=f"/many{number}") for number in range(count)]


def test_the_list_of_the_kernel_is_read_twice_for_all_tasks_together_however_many(tree):
    kernel = Lru(tree)
    probes = many(kernel, 40)
    for _ in range(3):
        before = tree.kernel.calls.opens
        for probe in probes:
            read(probe)
        assert tree.kernel.calls.opens - before == 2
    assert len(kernel.commands) == 3 * 40


def test_a_task_that_comes_later_shifts_no_window_of_the_others(tree):
    kernel = Lru(tree)
    *probes, later = many(kernel, 4)
    for probe in probes:
        read(probe)
    assert len(kernel.commands) == 4  # the last one with the others, although it was not read yet
    newest = kernel.attach(collector=kernel.last, path="/many0")
    assert len(kernel.commands) == 4
    for probe in (*probes, later, newest):
        read(probe)
    assert len(kernel.commands) == 4 + 4
    for probe in (*probes, later, newest):
        read(probe)
    assert len(kernel.commands) == 8 + 5


def test_one_task_that_is_gone_costs_its_own_numbers_only(tree):
    kernel = Lru(tree)
    probes = many(kernel, 3)
    kernel.show(ROOT, ("/many0", [(0, 5), (1, 1)]), ("/many2", [(0, 5), (1, 1)]))
    read(probes[0])
    with pytest.raises((TargetGone, NotAvailable)):
        read(probes[1])
    probes[1].close()
    read(probes[2])
    assert WORKING_SET in read(probes[0]).keys() & read(probes[2]).keys()


def test_each_task_is_told_its_own_part_of_the_cost(tree):
    kernel = Lru(tree)
    probes = many(kernel, 4)
    costs = [read(probe)[OVERHEAD] for probe in probes]
    assert costs == [1 + 2 / 4] * 4  # its own command, and a quarter of two looks


# Settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reset_cycles": -1}, "reset_cycles must be 0 or more, got -1"),
        ({"reset_cycles": 1, "stable_cycles": 3}, "write both, or neither"),
        ({"reset_cycles": 1, "membw_threshold": 0.1}, "write both, or neither"),
        ({"reset_cycles": 1, "stable_cycles": 1, "membw_threshold": 0}, "more than 0, got 0"),
        ({"reset_cycles": 1, "method": "damon"}, "clear_refs or lru_gen, got 'damon'"),
        ({"reset_cycles": 0, "method": "lru_gen"}, "reset_cycles of at least 1"),
        (
            {"reset_cycles": 1, "stable_cycles": 1, "membw_threshold": 1, "method": "lru_gen"},
            "neither stable_cycles nor membw_threshold",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        TaskWssCollector(**settings)


def test_the_catalogue_knows_every_metric():
    assert set(TaskWssCollector.emits) <= CATALOGUE.keys()
    assert TaskWssCollector.blocking
    assert not TaskWssCollector.per_container
    assert TaskWssCollector(1, interval=5).interval == 5
