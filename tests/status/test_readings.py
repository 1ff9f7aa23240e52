"""What is shown of a task and of the machine, and what is not measured is not 0."""

import math

import pytest

from wca.status.meter import Meter
from wca.status.readings import COLUMNS, COUNTERS, node_values, task_values

FIRST = {
    "task_cpu_usage_seconds": 10.0,
    "task_cpu_periods": 100,
    "task_cpu_throttled_periods": 10,
    "task_mem_working_set_bytes": 4096,
    "task_psi_cpu_some_seconds": 1.0,
    "task_psi_memory_some_seconds": 0.0,
    "task_psi_io_some_seconds": 2.0,
    "task_cycles": {"0": 1000, "1": 1000},
    "task_instructions": {"0": 500, "1": 500},
}
SECOND = {
    "task_cpu_usage_seconds": 13.0,
    "task_cpu_periods": 120,
    "task_cpu_throttled_periods": 15,
    "task_mem_working_set_bytes": 8192,
    "task_psi_cpu_some_seconds": 1.5,
    "task_psi_memory_some_seconds": 0.0,
    "task_psi_io_some_seconds": 4.001,
    "task_cycles": {"0": 2000, "1": 2000},
    "task_instructions": {"0": 2000, "1": 1000},
}


def shown(*measured, of=task_values):
    """What is shown after measurements two seconds apart."""
    meter, found = Meter(), None
    for number, one in enumerate(measured):
        now = 100.0 + 2 * number
        found = of(one, meter, dict.fromkeys(COUNTERS, now), now)
    if of is node_values:
        return found
    return {name: one for name, one in zip(COLUMNS, found, strict=True) if not math.isnan(one)}


def test_a_task_with_everything():
    assert shown(FIRST, SECOND) == {
        "cpu": 1.5,
        "throttled": 0.25,
        "memory_bytes": 8192,
        "pressure_cpu": 0.25,
        "pressure_memory": 0.0,
        "pressure_io": 1.0,  # two clocks do not agree to the microsecond
        "ipc": 1.0,
    }


def test_the_first_reading_tells_what_needs_no_second_one():
    assert shown(FIRST) == {"memory_bytes": 4096}


@pytest.mark.parametrize(
    ("missing", "left_out"),
    [
        ("task_cpu_usage_seconds", {"cpu"}),
        ("task_cpu_throttled_periods", {"throttled"}),
        ("task_cpu_periods", {"throttled"}),
        ("task_mem_working_set_bytes", {"memory_bytes"}),
        ("task_psi_io_some_seconds", {"pressure_io"}),
        ("task_cycles", {"ipc"}),
        ("task_instructions", {"ipc"}),
    ],
)
def test_what_is_not_measured_is_left_out(missing, left_out):
    first, second = ({n: v for n, v in one.items() if n != missing} for one in (FIRST, SECOND))
    assert set(COLUMNS) - shown(first, second).keys() == left_out


def test_a_task_without_quota_is_not_throttled_0_percent_of_the_time():
    still = {**SECOND, "task_cpu_periods": 100, "task_cpu_throttled_periods": 10}
    assert "throttled" not in shown(FIRST, still)


@pytest.mark.parametrize("odd", ["many", None, math.nan, {}, {"0": "few"}])
def test_what_makes_no_sense_is_left_out(odd):
    assert shown(
        {**FIRST, "task_cpu_usage_seconds": odd}, {**SECOND, "task_cpu_usage_seconds": odd}
    ).keys() == (set(COLUMNS) - {"cpu"})


MACHINE = {
    "platform_cpu_seconds": {
        "0": {"user": 10.0, "system": 1.0, "idle": 100.0, "iowait": 5.0},
        "1": {"user": 20.0, "system": 1.0, "idle": 100.0, "iowait": 5.0},
    },
    "platform_mem_total_bytes": 1000,
    "platform_mem_available_bytes": 400,
    "platform_psi_cpu_some_seconds": 7.0,
}


def full(**modes):
    return {"nice": 0.0, "irq": 0.0, "softirq": 0.0, "steal": 0.0, **modes}


def test_the_machine():
    first = {
        **MACHINE,
        "platform_cpu_seconds": {
            cpu: full(**modes) for cpu, modes in MACHINE["platform_cpu_seconds"].items()
        },
    }
    second = {
        **first,
        "platform_cpu_seconds": {
            "0": full(user=11.0, system=1.5, idle=100.5, iowait=5.5),
            "1": full(user=20.5, system=1.0, idle=101.5, iowait=5.0),
        },
        "platform_psi_cpu_some_seconds": 7.5,
    }
    assert shown(first, second, of=node_values) == {
        "cpu": 1.0,
        "memory_total_bytes": 1000,
        "memory_used_bytes": 600,
        "pressure_cpu": 0.25,
    }


def test_of_a_machine_of_which_nothing_is_measured_nothing_is_shown():
    assert shown({}, {}, of=node_values) == {}
    assert shown({"platform_cpu_seconds": 5}, {"platform_cpu_seconds": 6}, of=node_values) == {}
