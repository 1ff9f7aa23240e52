"""Perf events of real tasks: what they say, what they need, and what is left when they are gone."""

import contextlib
import ctypes
import errno
import json
import logging
import os
import resource
import struct
from types import SimpleNamespace

import pytest

from wca.collectors import NotAvailable, TargetGone
from wca.collectors.task_perf import TaskPerfCollector
from wca.errors import Exhausted, ValidationError, WcaError
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel
from wca.linux.perf.counting import PerfGroup
from wca.linux.perf.events import KNOWN_EVENTS
from wca.metrics import CATALOGUE, Batch
from wca.metrics.export import Exporter
from wca.nodes.static import StaticNode
from wca.runners import MeasurementRunner
from wca.storage import Storage

CAP_PERFMON = 38  # include/uapi/linux/capability.h
SOFTWARE = [
    "task_clock_seconds",
    "task_context_switches",
    "task_perf_page_faults",
    "task_cpu_migrations",
]


def target_of(cgroups, path, kernel=None):
    task = SimpleNamespace(task_id=path)
    return SimpleNamespace(cgroup=cgroups.locate(path), node=kernel or cgroups.kernel, task=task)


def attach(cgroups, path, names=SOFTWARE, collector=None):
    target = target_of(cgroups, path)
    try:
        return (collector or TaskPerfCollector(list(names))).attach(target)
    except NotAvailable as missing:
        if "perf_event_open" in missing.reason:
            pytest.skip(missing.reason)
        raise


def read(probe):
    out = {}
    probe.read(out)
    return out


def stolen():
    """Seconds that a hypervisor took from the CPUs of this machine (man 5 proc_stat)."""
    with open("/proc/stat") as file:
        return int(file.readline().split()[8]) / os.sysconf("SC_CLK_TCK")


def descriptors():
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture
def parked(real_cgroups):
    """A process of which not even its start was counted, and the events of its group."""
    path = real_cgroups.make("task")
    worker = real_cgroups.worker(path)
    probe = attach(real_cgroups, path)
    yield worker, probe
    probe.close()


def test_five_seconds_of_cpu_are_those_the_process_counts_itself(parked):
    worker, probe = parked
    before, stolen_before = read(probe), stolen()
    used = worker.burn(5)
    after, stolen_after = read(probe), stolen()
    assert used >= 5
    clock = after["task_clock_seconds"] - before.get("task_clock_seconds", 0)
    # The event goes on while a hypervisor runs something else; rusage does not.
    assert 0.98 * used <= clock <= 1.02 * used + stolen_after - stolen_before


def test_context_switches_are_those_of_getrusage(parked):
    worker, probe = parked
    usage = "u = resource.getrusage(resource.RUSAGE_SELF); print(u.ru_nvcsw + u.ru_nivcsw)"
    first, before = int(worker.do(usage)[0]), read(probe)
    worker.do("any(time.sleep(0.0005) for _ in range(500))")
    last, after = int(worker.do(usage)[0]), read(probe)
    switches = after["task_context_switches"] - before["task_context_switches"]
    # A timer that has run out before the process could sleep costs no switch.
    assert last - first >= 400
    # The worker's own waits for our questions lie on both sides of a reading.
    assert switches == pytest.approx(last - first, abs=5)


def test_page_faults_are_those_of_getrusage(parked):
    worker, probe = parked
    usage = "u = resource.getrusage(resource.RUSAGE_SELF); print(u.ru_minflt + u.ru_majflt)"
    worker.do("import mmap; m = mmap.mmap(-1, 4096 * 5000); m.madvise(mmap.MADV_NOHUGEPAGE)")
    first, before = int(worker.do(usage)[0]), read(probe)
    worker.do("any(m.write(b'x' * 4096) < 0 for _ in range(5000))")
    last, after = int(worker.do(usage)[0]), read(probe)
    assert last - first >= 20_000_000 // resource.getpagesize()
    faults = after["task_perf_page_faults"] - before["task_perf_page_faults"]
    assert faults == pytest.approx(last - first, abs=10)


def test_what_runs_in_a_group_below_is_counted(real_cgroups):
    path = real_cgroups.make("pod")
    real_cgroups.make("pod/container")
    worker = real_cgroups.worker(path + "/container")
    probe = attach(real_cgroups, path)
    worker.burn(0.1)
    assert read(probe)["task_clock_seconds"] > 0.09
    probe.close()


def test_an_idle_task_has_zeros_and_software_events_have_no_factor(real_cgroups):
    probe = attach(real_cgroups, real_cgroups.make("idle"))
    assert read(probe) == dict.fromkeys(SOFTWARE, 0)
    probe.close()


def test_counters_never_go_backwards(parked):
    worker, probe = parked
    before = read(probe)
    for _ in range(20):
        worker.do("sum(range(10000))")
        after = read(probe)
        assert all(after[name] >= value for name, value in before.items())
        before = after


def test_by_cpu_every_number_is_a_series_of_its_own(real_cgroups):
    path = real_cgroups.make("task")
    worker = real_cgroups.worker(path)
    collector = TaskPerfCollector(SOFTWARE, aggregate_cpus=False)
    probe = attach(real_cgroups, path, collector=collector)
    cpu = min(os.sched_getaffinity(0))
    worker.do(f"os.sched_setaffinity(0, {{{cpu}}})")
    before = read(probe)["task_clock_seconds"][str(cpu)]
    used = worker.burn(0.5)
    out = read(probe)
    assert out["task_clock_seconds"][str(cpu)] - before == pytest.approx(used, rel=0.1)
    catalogue = {**CATALOGUE, **{entry.name: entry for entry in collector.metrics}}
    batch = Batch(0.0)
    Exporter({"task_id": "a"}, catalogue).export(out, batch)
    assert {(metric.name, metric.labels["cpu"]) for metric in batch} == {
        (name, str(number)) for name in SOFTWARE for number in collector_cpus()
    }
    assert {metric.type for metric in batch} == {"counter"}
    probe.close()


def test_a_removed_task_is_gone_although_its_events_can_still_be_read(real_cgroups):
    path = real_cgroups.make("short")
    collector = TaskPerfCollector(SOFTWARE)
    probe = attach(real_cgroups, path, collector=collector)
    read(probe)
    real_cgroups.remove(path)
    with pytest.raises(TargetGone):
        read(probe)
    probe.close()
    with pytest.raises((TargetGone, NotAvailable)):
        attach(real_cgroups, path, collector=collector)


def test_a_hundred_tasks_give_back_every_descriptor(real_cgroups):
    cpus = len(os.sched_getaffinity(0))
    paths = [real_cgroups.make(f"task{number}") for number in range(100)]
    collector = TaskPerfCollector(SOFTWARE)
    before = descriptors()
    probes = [attach(real_cgroups, path, collector=collector) for path in paths]
    while [probe for probe in probes if not read(probe)]:  # those that wait for their turn
        pass
    assert descriptors() >= before + 100 * cpus * len(SOFTWARE)
    for probe in probes:
        probe.close()
        probe.close()
    collector.close(1.0)
    collector.close(1.0)
    assert descriptors() == before


def test_too_few_descriptors_are_a_sentence_with_the_arithmetic_and_nothing_stays_open(
    real_cgroups,
):
    path = real_cgroups.make("task")
    collector = TaskPerfCollector(SOFTWARE)
    attach(real_cgroups, path, collector=collector).close()
    cpus = len(collector_cpus())
    before = descriptors()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    low = lowest_free + 64 + 4 * cpus  # two too few: the collector opens a file and a folder first
    resource.setrlimit(resource.RLIMIT_NOFILE, (low, hard))
    try:
        with pytest.raises(WcaError, match="raise the limit of open files") as refused:
            attach(real_cgroups, path, collector=collector)
        assert f"4 perf events x {cpus} CPUs = {4 * cpus} descriptors" in str(refused.value)
        assert f"left of {low}" in str(refused.value)
        assert not isinstance(refused.value, NotAvailable)  # tried again with the next discovery
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert descriptors() == before
    attach(real_cgroups, path, collector=collector).close()


def test_descriptors_that_run_out_half_way_are_the_same_sentence_and_all_given_back(real_cgroups):
    path = real_cgroups.make("task")
    collector = TaskPerfCollector(SOFTWARE)
    attach(real_cgroups, path, collector=collector).close()
    before = descriptors()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fillers = [os.dup(0)]
    free = 4 * len(collector_cpus())  # enough for all groups but the last
    limit = fillers[0] + 64 + free + 10
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                fillers.append(os.dup(0))
        for filler in fillers[:free]:  # two of them are for a file and the folder
            os.close(filler)
        with pytest.raises(WcaError, match="raise the limit of open files"):
            attach(real_cgroups, path, collector=collector)
        assert descriptors() == before + len(fillers) - free
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for filler in fillers[free:]:
            os.close(filler)
    assert descriptors() == before


def test_a_low_number_that_is_free_does_not_hide_that_descriptors_are_used_up(real_cgroups):
    path = real_cgroups.make("task")
    collector = TaskPerfCollector(SOFTWARE)
    attach(real_cgroups, path, collector=collector).close()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fillers = [os.dup(0) for _ in range(300)]
    os.close(fillers.pop(0))  # a file and the folder get these low numbers
    os.close(fillers.pop(0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors() + 64, hard))
    try:
        before = descriptors()
        with pytest.raises(Exhausted, match="raise the limit of open files"):
            attach(real_cgroups, path, collector=collector)
        assert descriptors() == before
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for filler in fillers:
            os.close(filler)


def test_one_event_alone_has_the_same_numbers(real_cgroups):
    path = real_cgroups.make("task")
    worker = real_cgroups.worker(path)
    collector = TaskPerfCollector(["task_clock_seconds"])
    probe = attach(real_cgroups, path, collector=collector)
    before = read(probe)["task_clock_seconds"]
    used = worker.burn(0.3)
    out = read(probe)
    assert out["task_clock_seconds"] - before == pytest.approx(used, rel=0.1)
    assert out.keys() == {"task_clock_seconds"}
    probe.close()


def collector_cpus():
    with open("/sys/devices/system/cpu/online") as file:
        return [
            cpu
            for part in file.read().strip().split(",")
            for cpu in range(int(part.split("-")[0]), int(part.split("-")[-1]) + 1)
        ]


def counts_cycles(cgroups, path):
    try:
        attach(cgroups, path, ["task_cycles"]).close()
    except NotAvailable:
        return False
    return True


def test_a_machine_without_counters_says_so_for_the_events_that_need_them(real_cgroups, caplog):
    path = real_cgroups.make("task")
    if counts_cycles(real_cgroups, path):
        pytest.skip("this machine counts cycles")
    with pytest.raises(NotAvailable) as missing:
        attach(real_cgroups, path, ["task_cycles"])
    assert missing.value.reason.startswith("task_cycles: this machine has no counter for it")
    with caplog.at_level("INFO"):
        probe = attach(real_cgroups, path, ["task_cycles", "task_clock_seconds", "a__r0302"])
    assert read(probe) == {"task_clock_seconds": 0}
    probe.close()
    assert "not counted: task_cycles, a__r0302: this machine has no counter for it" in caplog.text


def test_a_group_in_another_hierarchy_is_not_taken_for_an_event_that_is_not_there(real_cgroups):
    elsewhere = real_cgroups.locate(real_cgroups.make("task"))
    if elsewhere.directory("cpu") == elsewhere.directory("perf_event"):
        pytest.skip("one hierarchy holds both")
    attach(real_cgroups, real_cgroups.make("other")).close()  # perf works here
    cgroup = SimpleNamespace(
        version=lambda controller: elsewhere.version("cpu"),
        directory=lambda controller: elsewhere.directory("cpu"),
        open=lambda controller, name: elsewhere.open("cpu", name),
    )
    task = SimpleNamespace(task_id="task")
    target = SimpleNamespace(cgroup=cgroup, node=real_cgroups.kernel, task=task)
    with pytest.raises(NotAvailable, match="hierarchy that holds the perf_event controller"):
        TaskPerfCollector(SOFTWARE).attach(target)


def as_nobody(path, capabilities):
    """What attaching gives a process of an ordinary user: its first numbers, or the reason."""
    answer, question = os.pipe()
    child = os.fork()
    if child == 0:
        said = "something else was raised"
        try:
            kernel = Kernel()
            target = target_of(CgroupHierarchies(kernel), path, kernel)
            become_nobody(capabilities)
            said = ", ".join(read(TaskPerfCollector(SOFTWARE).attach(target)))
        except NotAvailable as absent:
            said = absent.reason
        finally:
            os.write(question, said.encode())
            os._exit(0)
    os.close(question)
    os.waitpid(child, 0)
    with os.fdopen(answer) as file:
        return file.read()


def become_nobody(capabilities):
    """Give up root, but for these capabilities (man 2 capset, version 3)."""
    libc = ctypes.CDLL(None, use_errno=True)
    keep_capabilities = 8
    assert libc.prctl(keep_capabilities, 1, 0, 0, 0) == 0
    os.setresuid(65534, 65534, 65534)
    low, high = capabilities & 0xFFFFFFFF, capabilities >> 32
    header = struct.pack("=Ii", 0x20080522, 0)
    assert libc.capset(header, struct.pack("=6I", low, low, 0, high, high, 0)) == 0


@pytest.fixture
def restricted(real_cgroups):
    """A group, on a kernel that does not let everybody count."""
    path = real_cgroups.make("task")
    attach(real_cgroups, path).close()
    with open("/proc/sys/kernel/perf_event_paranoid") as file:
        if int(file.read()) < 1:
            pytest.skip("this kernel lets everybody count")
    return path


def test_without_the_right_the_reason_says_what_to_do(restricted):
    reason = as_nobody(restricted, 0)
    assert "perf_event_open is refused (perf_event_paranoid is " in reason
    assert "give the agent CAP_PERFMON" in reason


def test_the_capability_that_the_reason_names_is_enough(restricted):
    assert as_nobody(restricted, 1 << CAP_PERFMON) == ", ".join(SOFTWARE)


class Kept(Storage):
    """Keeps the metrics of the last interval."""

    def store(self, metrics):
        self.metrics = list(metrics)


def test_an_agent_without_the_right_says_so_once_and_measures_the_rest(real_cgroups, restricted):
    paths = [restricted, *(real_cgroups.make(f"other{number}") for number in range(2))]
    answer, question = os.pipe()
    child = os.fork()
    if child == 0:
        said = ["something was raised"]
        try:
            said = agent_as_nobody(paths)
        finally:
            os.write(question, json.dumps(said).encode())
            os._exit(0)
    os.close(question)
    os.waitpid(child, 0)
    with os.fdopen(answer) as file:
        lines, state, tasks = json.load(file)
    assert len(lines) == 1
    assert "TaskPerfCollector is not available: perf_event_open is refused" in lines[0]
    assert state == [["unavailable", 1]]
    assert tasks == len(paths)


def test_tasks_for_which_descriptors_lack_are_counted_by_a_metric(real_cgroups):
    paths = [real_cgroups.make(f"task{number}") for number in range(6)]
    attach(real_cgroups, paths[0]).close()
    kept = Kept()
    collector = TaskPerfCollector(SOFTWARE)
    runner = MeasurementRunner(
        StaticNode(tasks=[path.lstrip("/") for path in paths]),
        kept,
        interval=0.05,
        collectors=[collector],
    )
    runner.stop_after(5)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    each = len(SOFTWARE) * len(collector_cpus()) + 1
    room = descriptors() + 64 + 2 * each + 20
    resource.setrlimit(resource.RLIMIT_NOFILE, (room + 4 * each, hard))
    fillers = [os.dup(0) for _ in range(4 * each)]
    try:
        runner.run()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for filler in fillers:
            os.close(filler)
    counted = sum(metric.name == "task_clock_seconds" for metric in kept.metrics)
    lacking = [
        (metric.labels["collector"], metric.labels["reason"], metric.value)
        for metric in kept.metrics
        if metric.name == "wca_tasks_unmeasured"
    ]
    assert 0 < counted < len(paths)
    assert lacking == [("TaskPerfCollector", "exhausted", len(paths) - counted)]


def agent_as_nobody(paths):
    """The lines about perf in the log of some iterations, the collector's state, and the tasks."""
    lines, kept = [], Kept()
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logging.getLogger().addHandler(handler)
    logging.getLogger("wca").setLevel(logging.INFO)
    runner = MeasurementRunner(
        StaticNode(tasks=[path.lstrip("/") for path in paths]),
        kept,
        interval=0.05,
        discovery_interval=0.05,
        event_names=SOFTWARE,
    )
    runner.stop_after(6)
    become_nobody(0)
    runner.run()
    state = [
        (metric.labels["state"], metric.value)
        for metric in kept.metrics
        if metric.name == "wca_collector_state"
        and metric.labels["collector"] == "TaskPerfCollector"
    ]
    tasks = sum(metric.name == "task_cpu_usage_seconds" for metric in kept.metrics)
    return [line for line in lines if "perf" in line], state, tasks


def test_nothing_is_opened_before_the_first_task():
    before = descriptors()
    collector = TaskPerfCollector(["task_cycles", "some__r0302"])
    assert collector.event_names == ("task_cycles", "some__r0302")
    assert descriptors() == before


def test_an_unknown_name_is_refused_at_once():
    with pytest.raises(ValidationError, match="did you mean task_cycles"):
        TaskPerfCollector(["task_cycle"])


def test_every_event_is_announced():
    assert set(TaskPerfCollector.emits) >= set(KNOWN_EVENTS)


def test_a_task_that_vanishes_during_the_first_questions_leaves_no_wrong_answer(real_cgroups):
    path = real_cgroups.make("short")
    attach(real_cgroups, path).close()
    left = [path]

    def open_group(events, folder, cpu):
        """As the kernel does, with a task that is removed after the first question."""
        group = PerfGroup.open(events, folder, cpu)
        if left:
            real_cgroups.remove(left.pop())
        return group

    collector = TaskPerfCollector(SOFTWARE, open_group=open_group)
    with pytest.raises(TargetGone):
        attach(real_cgroups, path, collector=collector)
    other = attach(real_cgroups, real_cgroups.make("other"), collector=collector)
    assert read(other) == dict.fromkeys(SOFTWARE, 0)
    other.close()


def test_a_group_larger_than_the_processor_takes_is_split(real_cgroups):
    """The kernel answers EINVAL to the member for which there is no counter left."""
    sizes = []

    def open_group(events, folder, cpu):
        sizes.append(len(events))
        if len(events) > 2:
            raise OSError(errno.EINVAL, "no counter left")
        return SimpleNamespace(enable=lambda: None, close=lambda: None, read=lambda: None)

    names = ["task_cycles", "task_instructions", "task_cache_references", "task_cache_misses"]
    collector = TaskPerfCollector(names, open_group=open_group)
    target = target_of(real_cgroups, real_cgroups.make("task"))
    collector.attach(target).close()
    assert sizes[5] == 4  # after one question for each event, and one whether there is perf
    assert sizes[-1] == 2
    del sizes[:]
    collector.attach(target).close()
    assert set(sizes) == {2}  # what was learned stays
