"""What the scheduler says of one thread."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.linux.parse import Malformed
from wca.linux.sched import RunDelay, is_sched_counter, parse_sched, parse_schedstat

HEAD = "python3 (4711, #threads: 3)\n" + "-" * 67 + "\n"
NUMA = (
    "current_node=0, numa_group_id=0\n"
    "numa_faults node=0 task_private=50 task_shared=100 group_private=150 group_shared=200\n"
    "numa_faults node=1 task_private=1 task_shared=2 group_private=3 group_shared=4\n"
)


def row(key, value):
    return f"{key:<45}:{value:>21}\n"


def content(**values):
    return (HEAD + "".join(row(key, value) for key, value in values.items())).encode()


def test_numbers_with_and_without_a_fraction_but_none_below_zero():
    data = HEAD + row("se.exec_start", "11086733.945410") + row("nr_switches", 12)
    data += row("mm->numa_scan_seq", 3) + row("clock-delta", 70) + row("numa_preferred_nid", -1)
    assert parse_sched(data.encode()).values == {
        "se.exec_start": 11086733.94541,
        "nr_switches": 12,
        "mm->numa_scan_seq": 3,
        "clock-delta": 70,
    }


def test_a_number_that_fills_its_column_is_read_all_the_same():
    data = HEAD + f"{'nr_switches':<45}:{10**20 - 1}\n" + row("x", 1)
    assert parse_sched(data.encode()).values["nr_switches"] == 1e20


def test_numa_faults_by_node_and_type():
    sched = parse_sched(content(nr_switches=1) + NUMA.encode())
    assert sched.values == {"nr_switches": 1}
    assert sched.numa_faults == {
        "0": {"task_private": 50, "task_shared": 100, "group_private": 150, "group_shared": 200},
        "1": {"task_private": 1, "task_shared": 2, "group_private": 3, "group_shared": 4},
    }


def test_without_numa_balancing_there_are_no_faults():
    assert parse_sched(content(nr_switches=1)).numa_faults == {}


def test_the_name_of_a_thread_cannot_pass_for_a_number():
    data = b"a\nnr_switches:9 (4711, #threads: 3)\n" + content(nr_switches=1)[28:]
    assert parse_sched(data).values == {"nr_switches": 1}


def test_this_kernel_is_understood():
    with open("/proc/self/sched", "rb") as file:
        sched = parse_sched(file.read())
    assert sched.values["nr_switches"] > 0
    assert sched.values["se.sum_exec_runtime"] > 0
    counters = {key for key in sched.values if is_sched_counter(key)}
    assert not any("avg" in key or "vruntime" in key for key in counters)


@pytest.mark.parametrize(
    "key",
    [
        "nr_switches",
        "nr_voluntary_switches",
        "se.nr_migrations",
        "se.sum_exec_runtime",
        "wait_sum",
        "wait_count",
        "iowait_sum",
        "se.statistics.wait_sum",
        "se.statistics.nr_wakeups_sync",
        "nr_wakeups",
        "sum_sleep_runtime",
        "core_forceidle_sum",
        "numa_pages_migrated",
    ],
)
def test_times_counts_and_sums_are_counters(key):
    assert is_sched_counter(key)


@pytest.mark.parametrize(
    "key",
    [
        "total_numa_faults",
        "se.exec_start",
        "se.vruntime",
        "se.avg.load_sum",
        "se.avg.runnable_sum",
        "se.avg.util_avg",
        "se.load.weight",
        "se.slice",
        "policy",
        "prio",
        "clock-delta",
        "wait_max",
        "wait_start",
        "mm->numa_scan_seq",
        "numa_preferred_nid",
        "avg_atom",
        "dl.runtime",
        "effective uclamp.min",
    ],
)
def test_settings_ids_averages_and_maxima_are_no_counters(key):
    assert not is_sched_counter(key)


@pytest.mark.parametrize("data", [b"", b"x\n", HEAD.encode(), b"nr_switches : 1\n"])
def test_a_sched_file_of_another_form_is_malformed(data):
    with pytest.raises(Malformed):
        parse_sched(data)


def test_the_numbers_of_schedstat():
    assert parse_schedstat(b"1092400 4376034 4\n") == RunDelay(1092400, 4376034, 4)


@pytest.mark.parametrize("data", [b"", b"1 2\n", b"1 2 3 4\n", b"1 2 x\n", b"1 2 -3\n"])
def test_a_schedstat_of_another_form_is_malformed(data):
    with pytest.raises(Malformed):
        parse_schedstat(data)


WORDS = [b"\n", b" : ", b"nr_switches", b"numa_faults node=", b"1", b"-", b".", b"9" * 30]
WORDS += [HEAD.encode(), b"task_private=1", NUMA.encode()]


@given(st.lists(st.sampled_from(WORDS) | st.binary(max_size=4), max_size=30).map(b"".join))
def test_garbage_is_malformed_and_nothing_worse(data):
    for parse in (parse_sched, parse_schedstat):
        with contextlib.suppress(Malformed):
            parse(data)
