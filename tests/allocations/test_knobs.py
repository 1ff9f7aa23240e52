"""Values of allocations: what the kernel is told, what it gives back, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.allocations.encoding import Machine, list_format
from wca.allocations.knobs import READ, knob_of
from wca.allocators import AllocationType
from wca.errors import NotAvailable, ValidationError

T = AllocationType
MACHINE = Machine(cpus=4, period=100_000, shares_unit=1000, nodes=2, device={"sda": "8:0"}.get)


LIMITS = "limits by device, such as 8:0 rbps=1048576 wiops=100"


def encoded(type_, version, value, machine=MACHINE):
    return knob_of(type_, version).encode(value, machine)


@pytest.mark.parametrize(
    ("type_", "version", "value", "texts"),
    [
        (T.QUOTA, 1, 1.0, ("100000", "-1")),
        (T.QUOTA, 1, 0.5, ("100000", "200000")),
        (T.QUOTA, 1, 0.1234, ("100000", "49360")),
        (T.QUOTA, 1, 0.0, ("100000", "1000")),
        (T.QUOTA, 2, 1, ("max 100000",)),
        (T.QUOTA, 2, 0.25, ("100000 100000",)),
        (T.SHARES, 1, 0, ("2",)),
        (T.SHARES, 1, 1.0, ("1000",)),
        (T.SHARES, 1, 20, ("20000",)),
        (T.SHARES, 2, 1.024, ("40",)),
        (T.SHARES, 2, 262.144, ("10000",)),
        (T.CPU_WEIGHT, 1, 100, ("1024",)),
        (T.CPU_WEIGHT, 1, 1, ("10",)),
        (T.CPU_WEIGHT, 2, 10000, ("10000",)),
        (T.CPU_IDLE, 1, True, ("1",)),
        (T.CPU_BURST, 2, 0.25, ("100000",)),
        (T.CPUSET_CPUS, 1, [3, 0, 1], ("0-1,3",)),
        (T.CPUSET_CPUS, 2, "0,1,2", ("0-2",)),
        (T.CPUSET_MEMS, 1, "1", ("1",)),
        (T.CPUSET_MEMORY_MIGRATE, 1, 1, ("1",)),
        (T.MEMORY_MAX, 1, "max", ("9223372036854771712",)),
        (T.MEMORY_MAX, 1, 1_000_001, ("999424",)),
        (T.MEMORY_MAX, 2, "max", ("max",)),
        (T.MEMORY_HIGH, 2, 8192.0, ("8192",)),
        (T.MEMORY_LOW, 2, 0, ("0",)),
        (T.IO_WEIGHT, 2, 50, ("default 50",)),
        (T.IO_WEIGHT, 1, 100, ("100",)),
        (T.IO_WEIGHT, 1, 50, ("50",)),
        (T.IO_WEIGHT, 1, 10_000, ("1000",)),
        (
            T.IO_MAX,
            2,
            {"8:0": {"rbps": 1048576, "wiops": "max"}},
            ("8:0 rbps=1048576 wbps=max riops=max wiops=max",),
        ),
        (
            T.IO_MAX,
            2,
            "sda wbps=5 wiops=max\n8:16 riops=7",
            ("8:0 rbps=max wbps=5 riops=max wiops=max\n8:16 rbps=max wbps=max riops=7 wiops=max",),
        ),
        (T.IO_MAX, 1, {"sda": {"wbps": 9}}, ("8:0 0", "8:0 9", "8:0 0", "8:0 0")),
        (
            T.IO_MAX,
            1,
            "8:0 rbps=1 wbps=2 riops=3 wiops=4\n8:16",
            ("8:0 1\n8:16 0", "8:0 2\n8:16 0", "8:0 3\n8:16 0", "8:0 4\n8:16 0"),
        ),
        (T.PIDS_MAX, 1, 7, ("7",)),
        (T.PIDS_MAX, 2, "max", ("max",)),
    ],
)
def test_a_value_is_what_the_kernel_gives_back_for_it(type_, version, value, texts):
    assert encoded(type_, version, value) == texts


@pytest.mark.parametrize(
    ("type_", "version", "value", "sentence"),
    [
        (T.QUOTA, 1, 1.01, "expected a number from 0 to 1, got 1.01"),
        (T.QUOTA, 2, float("nan"), "expected a number from 0 to 1, got nan"),
        (T.QUOTA, 2, True, "expected a number from 0 to 1, got True"),
        (T.QUOTA, 2, "half", "expected a number from 0 to 1, got 'half'"),
        (T.SHARES, 1, 263, "expected a number from 0 to 262.144, got 263"),
        (T.CPU_WEIGHT, 2, 0, "expected a whole number from 1 to 10000, got 0"),
        (T.CPU_IDLE, 2, 2, "expected a whole number from 0 to 1, got 2"),
        (T.CPUSET_CPUS, 1, "0-4", "the CPUs are 0 to 3, got '0-4'"),
        (T.CPUSET_CPUS, 1, "", "expected at least one of the CPUs, got an empty list"),
        (T.CPUSET_CPUS, 1, "zero", "expected a list of numbers such as 0-3,8, got b'zero'"),
        (T.CPUSET_CPUS, 1, object(), "expected a list of numbers such as 0-3,8, got a object"),
        (T.CPUSET_MEMS, 2, [2], "the NUMA nodes are 0 to 1, got [2]"),
        (T.MEMORY_MAX, 2, -1, "expected a whole number from 0 to 9223372036854775807, got -1"),
        (T.MEMORY_MAX, 2, "1G", "expected a whole number from 0 to 9223372036854775807, got '1G'"),
        (T.IO_MAX, 2, 5, f"expected {LIMITS}, got 5"),
        (T.IO_MAX, 2, "", f"expected {LIMITS}, got ''"),
        (T.IO_MAX, 1, {"8:0": 5}, f"expected {LIMITS}, got a dict"),
        (
            T.IO_MAX,
            2,
            "8:0 bps=1",
            "the limits of a device are rbps, wbps, riops, wiops, got 'bps'",
        ),
        (
            T.IO_MAX,
            2,
            "8:0 rbps=0",
            "rbps: expected max or a whole number from 1 to 9223372036854775807, got '0'",
        ),
        (
            T.IO_MAX,
            1,
            {"8:0": {"riops": 1 << 32}},
            "riops: expected max or a whole number from 1 to 4294967294, got 4294967296",
        ),
        (T.IO_MAX, 1, {"8:0": {}, "sda": {}}, "sda is named twice"),
        (T.PIDS_MAX, 1, 1.5, "expected a whole number from 0 to 4194304, got 1.5"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_in_a_sentence(type_, version, value, sentence):
    with pytest.raises(ValidationError) as refused:
        encoded(type_, version, value)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("type_", "version", "reason"),
    [
        (T.RDT, 1, "in resctrl, not in a cgroup"),
        (T.RDT, None, "in resctrl, not in a cgroup"),
        (T.MIGRATE_PAGES, 2, "an event, which is no file"),
        (T.MEMORY_HIGH, 1, "not on cgroup v1: it has memory_max only"),
        (T.MEMORY_LOW, 1, "not on cgroup v1"),
        (T.IO_MAX, None, "no group of the controller io"),
        (T.CPUSET_MEMORY_MIGRATE, 2, "not on cgroup v2: pages always move with cpuset.mems"),
        (T.QUOTA, None, "no group of the controller cpu"),
    ],
)
def test_what_a_kernel_has_not_is_said(type_, version, reason):
    with pytest.raises(NotAvailable) as missing:
        knob_of(type_, version)
    assert str(missing.value) == reason


def and_instead(knob):
    return [knob, *(and_instead(knob.instead) if knob.instead else ())]


KNOBS = [
    knob
    for version in (1, 2)
    for type_ in READ
    if not (
        (version == 1 and type_ in (T.MEMORY_HIGH, T.MEMORY_LOW))
        or (version == 2 and type_ == T.CPUSET_MEMORY_MIGRATE)
    )
    for knob in and_instead(knob_of(type_, version))
]
LISTS = st.sets(st.integers(0, 1), min_size=1).map(list_format)
SIZES = st.integers(0, 1 << 62) | st.just("max")
VALUES = {
    T.QUOTA: st.floats(0, 1),
    T.SHARES: st.floats(0, 262),
    T.CPU_WEIGHT: st.integers(1, 10_000),
    T.CPU_IDLE: st.integers(0, 1),
    T.CPU_BURST: st.floats(0, 1),
    T.CPUSET_CPUS: LISTS,
    T.CPUSET_MEMS: LISTS,
    T.CPUSET_MEMORY_MIGRATE: st.integers(0, 1),
    T.MEMORY_MAX: SIZES,
    T.MEMORY_HIGH: SIZES,
    T.MEMORY_LOW: SIZES,
    T.IO_WEIGHT: st.integers(1, 10_000),
    T.PIDS_MAX: st.integers(0, 1 << 22) | st.just("max"),
    T.IO_MAX: st.dictionaries(
        st.sampled_from(["8:0", "8:16", "259:1"]),
        st.fixed_dictionaries(
            {},
            optional=dict.fromkeys(
                ("rbps", "wbps", "riops", "wiops"), st.integers(1, 1 << 31) | st.just("max")
            ),
        ),
        min_size=1,
    ),
}


@given(st.data(), st.sampled_from(KNOBS), st.integers(2, 512), st.integers(1000, 1_000_000))
def test_what_was_written_is_read_as_a_value_that_is_written_the_same(data, knob, cpus, period):
    machine = Machine(cpus=cpus, period=period, shares_unit=1000, nodes=2)
    texts = knob.encode(data.draw(VALUES[knob.type]), machine)
    assert len(texts) == len(knob.files)
    value = knob.decode(texts, machine)
    if knob.type is T.QUOTA and value > 1:  # a millisecond of a short period is all there is
        return
    assert knob.encode(value, machine) == texts
    assert knob.amount(value) == knob.amount(knob.decode(texts, machine))


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_is_never_less_for_the_kernel(one, other):
    low, high = sorted((one, other))
    quotas = [encoded(T.QUOTA, 1, share)[1] for share in (low, high)]
    amounts = [float("inf") if quota == "-1" else int(quota) for quota in quotas]
    assert amounts[0] <= amounts[1]


def test_a_hundredth_of_a_machine_can_be_expressed():
    """The first releases could not hold a task below one CPU, and ignored small changes."""
    assert encoded(T.QUOTA, 1, 0.01) != encoded(T.QUOTA, 1, 0.02)
    assert encoded(T.QUOTA, 1, 0.5) != encoded(T.QUOTA, 1, 0.54)
    assert int(encoded(T.QUOTA, 1, 0.01)[1]) < 100_000


def test_the_idle_class_is_less_than_the_normal_one():
    knob = knob_of(T.CPU_IDLE, 1)
    assert knob.amount(1) < knob.amount(0)


def test_a_cpuset_is_as_much_as_it_has_cpus_and_an_empty_one_has_those_above():
    amount = knob_of(T.CPUSET_CPUS, 1).amount
    assert (amount("0-2,4"), amount([1, 3]), amount("")) == (4.0, 2.0, float("inf"))


def test_limits_at_devices_are_as_much_as_the_least_of_them():
    amount = knob_of(T.IO_MAX, 2).amount
    assert amount({"8:0": {"rbps": 500, "wbps": "max"}, "8:16": {"riops": 40}}) == 40
    assert amount({"8:0": {"rbps": "max"}}) == amount({}) == float("inf")


def test_a_device_without_limits_is_none_that_the_kernel_would_show():
    files = ("8:0 5", "", "", "8:16 7")
    assert knob_of(T.IO_MAX, 1).decode(files, MACHINE) == {
        "8:0": {"rbps": 5, "wbps": "max", "riops": "max", "wiops": "max"},
        "8:16": {"rbps": "max", "wbps": "max", "riops": "max", "wiops": 7},
    }
    assert knob_of(T.IO_MAX, 2).decode(("",), MACHINE) == {}
