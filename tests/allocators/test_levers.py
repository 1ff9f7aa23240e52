"""Levers: what they begin with, how they go on and back, and when they do nothing."""

import pytest

from wca.allocators import AllocationType, RDTAllocation
from wca.allocators.contending.cpu import BURST, CPUSET, IDLE, RAISED_QUOTA, WEIGHT
from wca.allocators.contending.disk import IO_LIMIT, IO_WEIGHT
from wca.allocators.contending.levers import Begun, Sight
from wca.allocators.contending.memory import BANDWIDTH, MEMORY_LIMIT
from wca.allocators.contending.options import Options
from wca.allocators.contending.readings import Readings
from wca.allocators.contending.values import in_force, is_back
from wca.testing.detectors import a_platform, a_task

T = AllocationType
MIB = 1 << 20


def sight(allocations, victim=None, numbers=(), options=None):
    """What a lever sees, after two readings one second apart."""
    task, other = a_task("batch"), a_task("web")
    task.allocations, other.allocations = allocations, victim or {}
    readings = Readings()
    for second in range(2):
        task.measurements = {
            name: {key: total * second for key, total in one.items()}
            if isinstance(one, dict)
            else one
            for name, one in dict(numbers).items()
        }
        readings.look(a_platform(float(second)), {"batch": task, "web": other})
    return Sight(task, 4, readings, options or Options(), other)


def first(lever, *args, **named):
    seen = sight(*args, **named)
    type_ = lever.type_for(seen.task.allocations)
    return None if type_ is None else lever.first(seen, type_)


@pytest.mark.parametrize(
    ("lever", "allocations", "value"),
    [
        (WEIGHT, {T.SHARES: 1.024}, 0.0),
        (WEIGHT, {T.SHARES: 0.002}, None),
        (WEIGHT, {T.SHARES: 1.024, T.CPU_IDLE: 1}, None),
        (WEIGHT, {}, None),
        (IDLE, {T.CPU_IDLE: 0}, 1),
        (IDLE, {T.CPU_IDLE: 1}, None),
        (CPUSET, {T.CPUSET_CPUS: "0,1,2,3"}, "2,3"),
        (CPUSET, {T.CPUSET_CPUS: "1"}, None),
        (CPUSET, {T.CPUSET_CPUS: ""}, None),
        (BURST, {T.CPU_BURST: 0.0, T.QUOTA: 0.25}, 0.25),
        (BURST, {T.CPU_BURST: 0.25, T.QUOTA: 0.25}, None),
        (BURST, {T.CPU_BURST: 0.0, T.QUOTA: 1.0}, None),
        (RAISED_QUOTA, {T.QUOTA: 0.5}, 0.6),
        (RAISED_QUOTA, {T.QUOTA: 1.0}, None),
        (IO_WEIGHT, {T.IO_WEIGHT: 100}, 1),
        (IO_WEIGHT, {T.IO_WEIGHT: 1}, None),
        (
            BANDWIDTH,
            {T.RDT: RDTAllocation("", mb="MB:0=100;1=90")},
            RDTAllocation(mb="MB:0=20;1=20"),
        ),
        (BANDWIDTH, {T.RDT: RDTAllocation("", mb="MB:0=10")}, None),
        (BANDWIDTH, {T.RDT: RDTAllocation("", mb="MB:0=4294967295")}, None),
        (BANDWIDTH, {T.RDT: RDTAllocation("", l3="L3:0=f")}, None),
    ],
)
def test_it_begins_with(lever, allocations, value):
    assert first(lever, allocations) == value


def test_cpus_are_taken_that_the_victim_does_not_use():
    allocations = {T.CPUSET_CPUS: "0,1,2,3"}
    assert first(CPUSET, allocations, victim={T.CPUSET_CPUS: "2,3"}) == "0,1"
    assert first(CPUSET, allocations, victim={T.CPUSET_CPUS: "0,1,2,3"}) == "2,3"


def memory(used, anonymous, type_=T.MEMORY_MAX, limit="max"):
    numbers = {"task_mem_usage_bytes": used}
    if anonymous is not None:
        numbers["task_mem_anon_bytes"] = anonymous
    return first(MEMORY_LIMIT, {type_: limit}, numbers=numbers)


def test_a_memory_limit_leaves_what_cannot_be_reclaimed_and_more_where_the_kernel_kills():
    assert memory(400 * MIB, 10 * MIB) == 100 * MIB
    assert memory(400 * MIB, 200 * MIB) == 16 * MIB + 250 * MIB
    assert memory(400 * MIB, 200 * MIB, T.MEMORY_HIGH) == 216 * MIB
    assert memory(400 * MIB, 10 * MIB, limit=50 * MIB) is None, "it has less already"
    assert memory(60 * MIB, 20 * MIB) is None, "there is no cache worth it"
    assert memory(400 * MIB, None) is None, "nobody knows what would be killed"


def test_on_v2_memory_high_is_used():
    assert MEMORY_LIMIT.type_for({T.MEMORY_MAX: "max", T.MEMORY_HIGH: "max"}) is T.MEMORY_HIGH


DEVICES = {
    "task_io_device_read_bytes": {"8:0": 400 * MIB, "8:16": MIB},
    "task_io_device_written_bytes": {"8:0": 80 * MIB},
}


def test_limits_at_disks_are_learned_from_what_the_task_does():
    value = first(IO_LIMIT, {T.IO_MAX: {}}, numbers=DEVICES)
    assert value == {"8:0": {"rbps": 100 * MIB, "wbps": 20 * MIB}}
    assert first(IO_LIMIT, {T.IO_MAX: {}}) is None, "nobody knows what it does"
    assert first(IO_LIMIT, {}, numbers=DEVICES) is None


def test_limits_at_disks_are_halved_and_given_back_in_steps_and_by_device():
    value = {"8:0": {"rbps": 100 * MIB, "wbps": 20 * MIB}}
    begun, seen = Begun({}, 0.0, value), sight({T.IO_MAX: {}})
    assert IO_LIMIT.tighter(value, seen, begun) == {"8:0": {"rbps": 50 * MIB, "wbps": 10 * MIB}}
    assert IO_LIMIT.tighter({"8:0": {"rbps": MIB}}, seen, begun) is None
    steps = 0
    while value is not None:
        value, steps = IO_LIMIT.looser(value, seen, begun), steps + 1
        assert steps < 30
    assert IO_LIMIT.back({"8:0": {"rbps": MIB}}, {}) == {"8:0": {"rbps": "max"}}
    limited = {"8:0": {"rbps": 5, "wbps": "max", "riops": "max", "wiops": "max"}}
    assert IO_LIMIT.back({"8:0": {"rbps": MIB}}, limited) == {"8:0": {"rbps": 5}}


def test_a_share_of_the_bandwidth_is_halved_and_given_back_in_steps():
    seen, begun = sight({}), Begun(None, 0.0, None)
    value = RDTAllocation(mb="MB:0=20;1=20")
    assert BANDWIDTH.tighter(value, seen, begun).mb == "MB:0=10;1=10"
    assert BANDWIDTH.tighter(RDTAllocation(mb="MB:0=10"), seen, begun) is None
    assert BANDWIDTH.looser(value, seen, begun).mb == "MB:0=30;1=30"
    assert BANDWIDTH.looser(RDTAllocation(mb="MB:0=90"), seen, begun) is None


@pytest.mark.parametrize("group", ["", "gold"])
def test_bandwidth_is_given_back_by_the_group_that_was_shared_whose_rows_are_not_touched(group):
    original = RDTAllocation(group, l3="L3:0=f;1=f", mb="MB:0=100;1=100")
    assert BANDWIDTH.back(RDTAllocation(mb="MB:0=20;1=20"), original) == RDTAllocation(group)


def test_bandwidth_of_a_group_of_its_own_is_given_back_by_its_rows():
    original = RDTAllocation(None, mb="MB:0=80;1=80")
    assert BANDWIDTH.back(RDTAllocation(mb="MB:0=20;1=20"), original) == original


@pytest.mark.parametrize(
    ("wanted", "read", "there"),
    [
        (0.0, 0.002, True),
        (0.0, 1.024, False),
        (0.1, 0.1, True),
        (0.1, None, False),
        (0.05, 0.1, False),
        (75 * MIB + 7, 75 * MIB, True),
        (37 * MIB, 75 * MIB, False),
        (37 * MIB, "max", False),
        ("max", "max", True),
        ("2,3", "0,1", False),
        (1, 0, False),
        ({"8:0": {"rbps": 7}}, {"8:0": {"rbps": 7, "wbps": "max"}}, True),
        ({"sda": {"rbps": 7}}, {"8:0": {"rbps": 7, "wbps": "max"}}, True),
        ({"8:0": {"rbps": 7}}, {}, False),
        (RDTAllocation(mb="MB:0=20"), RDTAllocation("batch", mb="MB:0=20"), True),
        (RDTAllocation(mb="MB:0=20"), RDTAllocation("", mb="MB:0=100"), False),
    ],
)
def test_a_value_is_in_force_when_it_is_read_back_as_closely_as_kernels_have_it(
    wanted, read, there
):
    assert in_force(wanted, read) is there


def test_limits_are_back_when_the_devices_have_none():
    back = {"8:0": {"rbps": "max"}}
    assert is_back({}, {}, back)
    assert is_back({}, {"8:0": {"rbps": "max", "wbps": 9}}, back)
    assert not is_back({}, {"8:0": {"rbps": 5}}, back)
    assert is_back(1.024, 1.024, 1.024)
