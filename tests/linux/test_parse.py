"""Parsers of kernel files: exact on what the kernel writes, harmless on anything else."""

import contextlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.errors import NotAvailable, WcaError
from wca.linux.numa import parse_numa_stat_v1, parse_numa_stat_v2
from wca.linux.parse import (
    KeyedNumbers,
    Malformed,
    parse_cpu_list,
    parse_limit,
    parse_number,
    to_number,
)
from wca.linux.procfs import (
    CPU_MODES,
    parse_cpu_ticks,
    parse_mountinfo,
    parse_process_cgroups,
)
from wca.linux.psi import parse_irq_pressure, parse_pressure

numbers = st.integers(min_value=0, max_value=2**64 - 1)
keys = st.text(string.ascii_lowercase + "_", min_size=1, max_size=12)


# Numbers and limits


@given(numbers)
def test_a_number_is_read_back(number):
    assert parse_number(b"%d\n" % number) == number


@pytest.mark.parametrize("data", [b"", b"\n", b"x", b"-1\n", b"1 2\n", b"1_0\n", b"+1", b"9" * 21])
def test_what_is_no_number_is_malformed(data):
    with pytest.raises(Malformed, match="expected one number"):
        parse_number(data)


@pytest.mark.parametrize(
    "unlimited",
    [b"max\n", b"9223372036854771712\n", b"9223372036854710272\n", b"9223372036854775807"],
)
def test_unlimited_is_absent_whatever_the_version_and_page_size(unlimited):
    assert parse_limit(unlimited) is None


def test_a_limit_is_a_number():
    assert parse_limit(b"1073741824\n") == 1 << 30
    assert parse_limit(b"0\n") == 0


# Lines of key and number


def test_numbers_come_in_the_order_of_the_keys_and_absent_ones_are_none():
    parser = KeyedNumbers((b"nr_throttled ", b"nr_periods ", b"other "))
    assert parser.parse(b"nr_periods 7\nnr_throttled 3\n") == [3, 7, None]


def test_a_key_is_matched_whole():
    parser = KeyedNumbers((b"numa_hint_faults ",))
    assert parser.parse(b"numa_hint_faults_local 97909\nnuma_hint_faults 152835\n") == [152835]
    assert parser.parse(b"numa_hint_faults_local 97909\n") == [None]
    assert parser.parse(b"x_numa_hint_faults 5\n") == [None]


def test_a_number_without_its_line_end_may_be_cut_and_does_not_count():
    assert KeyedNumbers((b"pgfault ",)).parse(b"pgfault 12") == [None]


def test_a_unit_must_be_there_when_one_is_expected():
    parser = KeyedNumbers((b"MemFree:",), unit=b" kB")
    assert parser.parse(b"MemTotal: 5 kB\nMemFree:       24424452 kB\n") == [24424452]
    assert parser.parse(b"MemFree: 24424452\n") == [None]


@given(st.lists(st.dictionaries(keys, numbers, min_size=1, max_size=8), min_size=1, max_size=5))
def test_a_parser_that_has_learned_one_layout_reads_any_other_as_well(files):
    asked = sorted({key for file in files for key in file})
    parser = KeyedNumbers([key.encode() + b" " for key in asked])
    for file in files:
        data = "".join(f"{key} {value}\n" for key, value in file.items()).encode()
        assert parser.parse(data) == [file.get(key) for key in asked]


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=4))
def test_keyed_numbers_of_garbage_are_absent_or_stand_in_the_file(contents):
    parser = KeyedNumbers((b"a ", b"key "))
    for data in contents:
        for number in parser.parse(data):
            assert number is None or str(number).encode().lstrip(b"0") in data


# Lists of CPUs


@given(st.sets(st.integers(0, 300), max_size=40))
def test_a_list_of_cpus_is_read_back(cpus):
    assert parse_cpu_list(",".join(map(str, cpus)).encode() + b"\n") == sorted(cpus)


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        (b"0-3,8\n", [0, 1, 2, 3, 8]),
        (b" 1, 2 , 4-5 ", [1, 2, 4, 5]),
        (b"\n", []),
        (b"", []),
        (b"7-7", [7]),
    ],
)
def test_ranges_and_blanks_of_a_list_of_cpus(text, cpus):
    assert parse_cpu_list(text) == cpus


@pytest.mark.parametrize("text", [b"3-1", b"1-2-3", b"a", b"1,,2", b"-1", b"0-99999999999", b","])
def test_a_list_of_another_form_is_malformed_and_never_half_read(text):
    with pytest.raises(Malformed):
        parse_cpu_list(text)


# NUMA


def test_the_pages_of_the_groups_below_are_counted_on_v1():
    data = b"total=10 N0=4 N1=6\nanon=1 N0=1 N1=0\nhierarchical_total=100 N0=40 N1=60\n"
    assert parse_numa_stat_v1(data) == {"0": 40, "1": 60}


def test_a_v1_kernel_without_hierarchical_pages_gives_the_groups_own():
    assert parse_numa_stat_v1(b"total=10 N0=4 N1=6\nanon=1 N0=1 N1=0\n") == {"0": 4, "1": 6}
    assert parse_numa_stat_v1(b"file=1 N0=1\ntotal=10 N0=10\n") == {"0": 10}


def test_bytes_of_v2_become_pages_of_anonymous_memory_and_page_cache():
    data = b"anon N0=8192 N2=0\nfile N0=4096 N2=4096\nunevictable N0=4096 N2=0\n"
    assert parse_numa_stat_v2(data, 4096) == {"0": 3, "2": 1}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"anon N0=1\n",
        b"file N0=1\nanon N0=1\n",
        b"anon N0=1\nfile N1=1\n",
        b"anon x\nfile x\n",
    ],
)
def test_v2_pages_of_another_form_are_malformed(data):
    with pytest.raises(Malformed):
        parse_numa_stat_v2(data, 4096)


# Pressure


def test_total_stall_times_are_in_microseconds():
    data = (
        b"some avg10=0.12 avg60=0.00 avg300=0.00 total=12345\n"
        b"full avg10=0.00 avg60=0.00 avg300=0.00 total=678\n"
    )
    assert parse_pressure(data) == (12345, 678)


def test_a_kernel_without_the_line_full_leaves_it_out():
    assert parse_pressure(b"some avg10=0.00 avg60=0.00 avg300=0.00 total=9\n") == (9, None)


@given(numbers, numbers | st.none())
def test_stall_times_are_read_back(some, full):
    data = b"some avg10=0.00 avg60=12.34 avg300=100.00 total=%d\n" % some
    if full is not None:
        data += b"full avg10=0.00 avg60=0.00 avg300=0.00 total=%d\n" % full
    assert parse_pressure(data) == (some, full)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"some avg10=0.00 avg60=0.00 avg300=0.00 total=9",
        b"some avg10=0.00 avg60=0.00 avg300=0.00 total=-9\n",
        b"some avg10=0.00 avg60=0.00 avg300=0.00\n",
        b"full avg10=0.00 avg60=0.00 avg300=0.00 total=9\n",
        b"some avg10=0.00 avg60=0.00 avg300=0.00 total=9\nfull avg10=0.00 total=1\n",
    ],
)
def test_pressure_of_another_form_is_malformed(data):
    with pytest.raises(Malformed):
        parse_pressure(data)


def test_interrupts_have_one_line():
    line = b"full avg10=0.00 avg60=0.00 avg300=0.00 total=1234\n"
    assert parse_irq_pressure(line) == 1234
    for other in (b"", line * 2, line[:-1], line.replace(b"full", b"some")):
        with pytest.raises(Malformed):
            parse_irq_pressure(other)


# /proc


def test_cpu_ticks_of_the_machine_and_of_each_cpu():
    data = (
        b"cpu  2 2 2 2 2 2 2 2 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu10 1 0 0 0 0 0 0 0 0 0\nintr 5\n"
    )
    total, by_cpu = parse_cpu_ticks(data)
    assert total == [2] * len(CPU_MODES)
    assert by_cpu == {"0": [1, 2, 3, 4, 5, 6, 7, 8], "10": [1, 0, 0, 0, 0, 0, 0, 0]}


@pytest.mark.parametrize(
    "data", [b"", b"intr 5\n", b"cpu  1 2\nintr 5\n", b"cpux 1 2 3 4 5 6 7 8\nintr"]
)
def test_cpu_ticks_of_another_form_are_malformed(data):
    with pytest.raises(Malformed):
        parse_cpu_ticks(data)


def test_mounts_with_blanks_and_optional_fields():
    data = (
        b"31 23 0:28 / /sys/fs/a\\040b\\134c rw shared:1 master:2 - cgroup cgroup rw,cpu,cpuacct\n"
        b"32 23 0:29 /docker/1 /x rw - cgroup2 my\\040source rw\n"
        b"broken line\n"
    )
    first, second = parse_mountinfo(data)
    assert (first.point, first.type, first.options) == (
        "/sys/fs/a b\\c",
        "cgroup",
        ("rw", "cpu", "cpuacct"),
    )
    assert (second.root, second.point, second.type) == ("/docker/1", "/x", "cgroup2")


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20))
def test_any_mount_point_survives_the_escapes_of_the_kernel(name):
    escaped = name.encode()
    for byte in (b"\\", b" ", b"\t", b"\n"):
        escaped = escaped.replace(byte, b"\\%03o" % byte[0])
    (mount,) = parse_mountinfo(b"1 2 0:3 / /" + escaped + b" rw - cgroup2 none rw\n")
    assert mount.point == "/" + name


def test_the_paths_of_a_process_by_controllers():
    data = b"4:memory:/a:b\n3:cpu,cpuacct:/\n2:name=systemd:/user\n0::/c\nrubbish\n"
    assert parse_process_cgroups(data) == {
        frozenset({"memory"}): "/a:b",
        frozenset({"cpu", "cpuacct"}): "/",
        frozenset({"name=systemd"}): "/user",
        frozenset(): "/c",
    }


# Garbage


PARSERS = [
    parse_number,
    parse_limit,
    parse_cpu_list,
    parse_numa_stat_v1,
    lambda data: parse_numa_stat_v2(data, 4096),
    parse_pressure,
    parse_cpu_ticks,
    parse_mountinfo,
    parse_process_cgroups,
    KeyedNumbers((b"cpu ", b"total=")).parse,
    to_number,
]

WORDS = [
    b"cpu",
    b"cpu0",
    b"some",
    b"full",
    b"total=",
    b"N0=",
    b"hierarchical_total=",
    b"anon",
    b"file",
]
WORDS += [
    b"intr",
    b"max",
    b" - ",
    b" ",
    b"\n",
    b":",
    b"/",
    b"-",
    b",",
    b"1",
    b"42",
    b"9" * 30,
    b"\\040",
]
garbage = st.one_of(
    st.binary(max_size=80),
    st.lists(st.sampled_from(WORDS) | st.binary(max_size=3), max_size=40).map(b"".join),
)


@given(garbage)
def test_garbage_is_malformed_or_absent_and_nothing_worse(data):
    for parse in PARSERS:
        with contextlib.suppress(Malformed):
            parse(data)


def test_a_malformed_file_is_not_one_that_is_absent():
    with pytest.raises(WcaError) as raised:
        parse_number(b"?")
    assert not isinstance(raised.value, NotAvailable)
