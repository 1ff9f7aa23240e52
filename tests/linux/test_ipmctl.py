"""Optane modules as ipmctl tells of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.linux.ipmctl_text import NO_REGIONS, REGIONS, TABLE, VERSION_1, modules
from wca.errors import NotAvailable
from wca.linux.ipmctl import (
    MEMORY,
    OptaneModule,
    module_bandwidth,
    parse_memory_mode_bytes,
    parse_modules,
    parse_regions,
    run_ipmctl,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (VERSION_1, 107374182400),
        (VERSION_1.replace("107374182400 B", "0 B"), 0),
        (VERSION_1.replace("MemoryCapacity", "Memory"), None),
        (TABLE, 2173253451776),
        (TABLE.replace("PMemModule", "DCPMM     "), 2173253451776),
        (
            TABLE.replace("2173253451776 B | 2173253451776 B", "2173253451776.000 B | -"),
            2173253451776,
        ),
        (TABLE.replace("2173253451776 B | 2173253451776 B", "-  | -"), None),
        ("", None),
        ("Volatile | 1 B | 2 B | 3 B", None),  # a table without a head
    ],
)
def test_memory_mode_is_told_in_bytes_in_the_form_of_either_version(text, size):
    assert parse_memory_mode_bytes(text) == size


def test_a_module_has_socket_capacity_and_power_in_watts():
    assert parse_modules(modules(ids={1: ("0x1001",)})) == [
        OptaneModule("0x1001", "1", 100_000_000_000, 15.0)
    ]
    later = parse_modules(modules(key="AvgPowerLimit", power="18000 mW"))
    assert {one.power for one in later} == {18.0}


def test_what_is_not_told_is_none():
    (module,) = parse_modules(modules("N/A", "N/A", ids={0: ("0x0001",)}))
    assert module == OptaneModule("0x0001", "0", None, None)
    assert parse_modules("---DimmID=0x0001---\n") == [OptaneModule("0x0001", None, None, None)]
    assert parse_modules("No PMem modules in the system.\n") == []


def test_the_modules_of_regions_are_told_by_socket():
    assert parse_regions(REGIONS) == {"0": {"0x0001", "0x0101"}, "1": {"0x1001", "0x1101"}}
    assert parse_regions(NO_REGIONS) == {}
    twice = REGIONS + REGIONS.replace("0x5876", "0x1111").replace("0x0101", "0x0111")
    assert parse_regions(twice)["0"] == {"0x0001", "0x0101", "0x0111"}


@pytest.mark.parametrize(
    ("capacity", "power", "read", "write"),
    [
        (128e9, 10, 2.4, 0.88),
        (128e9, 11, 2.4, 0.88),
        (128e9, 15, 6.8, 1.85),
        (128e9, 17.9, 6.8, 1.85),
        (201e9, 15, 6.8, 2.3),
        (270e9, 18, 8.3, 3.0),
        (499e9, 12, 4.1, 1.45),
        (500e9, 15, 5.3, 1.89),
        (541e9, 25, 7.8, 2.68),
    ],
)
def test_the_bandwidth_follows_from_size_and_power(capacity, power, read, write):
    bandwidth = module_bandwidth(OptaneModule("0x1", "0", int(capacity), power))
    assert bandwidth == pytest.approx((read * 1e9, write * 1e9))


@pytest.mark.parametrize(
    ("capacity", "power"),
    [(128e9, 9), (128e9, 18), (270e9, 10), (541e9, 11), (None, 15), (128e9, None)],
)
def test_a_combination_that_is_not_made_has_no_bandwidth_instead_of_zero(capacity, power):
    size = None if capacity is None else int(capacity)
    assert module_bandwidth(OptaneModule("0x1", "0", size, power)) is None


PIECES = [
    "---DimmID=0x1---\n",
    "---ISetID=",
    "Capacity=",
    "9" * 30,
    " B\n",
    " mW\n",
    "=",
    "|",
    "---",
]
PIECES += [VERSION_1, TABLE, REGIONS, modules(), "MemoryType", "Volatile", "SocketID=0x", "\n"]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=25).map("".join))
def test_any_text_gives_numbers_or_nothing(text):
    size = parse_memory_mode_bytes(text)
    assert size is None or size >= 0
    for module in parse_modules(text):
        assert module.capacity is None or module.capacity >= 0
        assert module.power is None or module.power >= 0
        module_bandwidth(module)
    for numbers in parse_regions(text).values():
        assert all(one.startswith("0x") for one in numbers)


def program(folder, script):
    path = folder / "ipmctl"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return [str(folder)]


def test_the_program_is_asked_for_bytes(tmp_path):
    assert run_ipmctl(MEMORY, program(tmp_path, 'echo "$@"')) == "show -u B -memoryresources\n"


def test_a_program_that_is_missing_fails_or_hangs_is_a_sentence(tmp_path):
    with pytest.raises(NotAvailable, match=r"ipmctl is not installed \(package ipmctl\)"):
        run_ipmctl(MEMORY, [str(tmp_path)])
    with pytest.raises(NotAvailable, match="ipmctl failed: Insufficient permissions"):
        run_ipmctl(MEMORY, program(tmp_path, "echo Insufficient permissions; exit 1"))
    with pytest.raises(NotAvailable, match=r"did not answer within 0.2 s"):
        run_ipmctl(MEMORY, program(tmp_path, "exec sleep 60"), timeout=0.2)
