"""Rows of resctrl from words and back, and what may be asked for together. Pure."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.allocations.journal import undoable
from wca.allocations.resctrl.asked import allocation_of, parse_asked
from wca.allocations.resctrl.control import Bandwidth, Cache, Control
from wca.allocations.resctrl.names import group_of, name_of
from wca.allocations.resctrl.paths import PREFIX, folder_of, is_group, resource_of
from wca.allocations.resctrl.rules import Claims, too_many
from wca.allocators import RDTAllocation
from wca.collectors.resctrl import names as measuring
from wca.errors import ValidationError
from wca.linux.resctrl.schemata import CACHES, format_row, parse_schemata

DOMAINS = st.integers(0, 9999)
RESOURCES = ("L3", "L2CODE", "L2DATA", "MB", "SMBA")
MASKS, NUMBERS = st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 32) - 1)


def row_of(resource):
    values = MASKS if resource in CACHES else NUMBERS
    return st.dictionaries(DOMAINS, values, min_size=1, max_size=6)


ROWS = st.fixed_dictionaries({}, optional={one: row_of(one) for one in RESOURCES})


@given(ROWS)
def test_the_kernels_text_is_read_back(rows):
    text = "\n".join(format_row(resource, row) for resource, row in rows.items())
    assert parse_schemata(text.encode()) == rows


@given(ROWS, st.none() | st.text(max_size=20).filter(lambda text: "\0" not in text))
def test_what_is_in_force_can_be_asked_for(rows, name):
    asked = parse_asked(allocation_of(name, rows), RESOURCES)
    assert (asked.name, dict(asked.rows)) == (name, rows)


def test_the_kernels_padding_is_no_part_of_a_value():
    text = b"    MB:0= 90;1=100\n    L3:0=00f;1=7ff\nXYZ:0=1\n"
    assert parse_schemata(text) == {"MB": {0: 90, 1: 100}, "L3": {0: 15, 1: 0x7FF}}


@given(st.text(alphabet="L3MB:;=, \n0123456789abcdefx", max_size=40))
def test_whatever_is_asked_for_is_understood_or_a_sentence(text):
    for one in (RDTAllocation(l3=text), RDTAllocation(mb=text), {"l2": text}):
        with contextlib.suppress(ValidationError):
            for row in parse_asked(one, (*RESOURCES, "L2")).rows.values():
                assert row


@given(MASKS, st.integers(1, (1 << 20) - 1), st.integers(1, 4), st.booleans())
def test_a_mask_that_is_taken_is_one_that_the_kernel_takes(value, ways, least, sparse):
    cache = Cache(ways, least, sparse)
    ones = f"{value:b}".strip("0")
    fine = value & ways == value and value.bit_count() >= least and (sparse or "0" not in ones)
    if fine:
        assert cache.checked(0, value) == value
        assert 0 < cache.share(value) <= 1
    else:
        with pytest.raises(ValidationError):
            cache.checked(0, value)


@given(st.integers(0, 150), st.sampled_from([1, 5, 10, 20]))
def test_a_percentage_is_rounded_up_as_the_kernel_does(value, step):
    bandwidth = Bandwidth(step, step, "percent")
    if step <= value <= 100:
        taken = bandwidth.checked(0, value)
        assert (taken % step, value <= taken < value + step) == (0, True)
        assert bandwidth.checked(0, taken) == taken
    else:
        with pytest.raises(ValidationError):
            bandwidth.checked(0, value)


def test_the_smallest_share_counts_and_no_limit_is_one():
    control = Control({"L3": Cache(0xF), "MB": Bandwidth(10, 10, "percent")}, 4)
    assert control.share({"L3": {0: 0xF, 1: 0x3}, "MB": {0: 60}}) == 0.5
    assert control.share({"L3": {0: 0xF}, "MB": {0: 20}}) == 0.2
    assert control.share({}) == 1
    assert Control({"MB": Bandwidth(0, 1, "steps")}, 4).share({"MB": {0: 1}}) == 1, "of what?"


@given(st.text(min_size=1, max_size=8), st.text(min_size=1, max_size=60))
def test_the_name_of_a_group_is_found_again(name, task_id):
    for asked in (None, "", name):
        group = group_of(asked, task_id, ())
        assert name_of(group, task_id) == asked
        if asked == "":
            continue
        path = f"/sys/fs/resctrl{group}"
        assert is_group(path)
        assert undoable(path)
        assert (resource_of(path), folder_of(path)) == (None, None)


def test_a_name_that_is_too_long_for_a_folder_is_refused():
    with pytest.raises(ValidationError, match="is too long for the name of a folder"):
        group_of("\u20ac" * 40, "t", ())


def test_groups_of_others_keep_their_names():
    assert group_of("gold", "t", {"gold"}) == "/gold"
    assert group_of("gold", "t", {"gold", "wca-group.gold"}) == "/wca-group.gold"
    assert group_of("../x", "t", {"gold"}) == "/wca-group...%2Fx"
    assert name_of("/gold", "t") == "gold"
    assert name_of("/wca-task.other", "t") == "wca-task.other"


def test_all_our_groups_have_one_prefix():
    assert PREFIX == measuring.PREFIX


@pytest.mark.parametrize("path", ["/sys/fs/resctrl/gold", "/sys/fs/resctrl/x/tasks", "/a/wca-x"])
def test_no_group_of_others_is_one_that_undo_would_remove(path):
    assert not undoable(path)


def test_of_two_that_differ_the_first_one_is_right():
    claims = Claims()
    assert claims.add({"l3": "f"}, "a") is None
    assert claims.add({"l3": "f", "mb": "50"}, "b") is None
    assert claims.add({"l3": "3", "l2": "1"}, "c") == "a"
    assert claims.add({"mb": "60"}, "d") == "b"
    assert claims.add({"l2": "7"}, "e") is None, "who was refused has claimed nothing"


TASKS = [f"t{number}" for number in range(6)]
GROUPS = [f"/g{number}" for number in range(5)]
MAPS = st.dictionaries(st.sampled_from(TASKS), st.sampled_from(GROUPS))


@given(MAPS, MAPS, st.sets(st.sampled_from(["/gold", "/g0"])), st.integers(1, 6))
def test_as_many_get_their_groups_as_there_can_be(current, wanted, theirs, most):
    others = frozenset({"/", *theirs})
    refused = too_many(current, wanted, others, most)
    granted = {task: group for task, group in wanted.items() if task not in refused}
    there = others | set(current.values())
    assert all(wanted[task] not in there for task in refused), "what is there is not refused"
    after = others | set((current | granted).values())
    if len(there) <= most:
        assert len(after) <= most
    if len(others | set((current | wanted).values())) <= most:
        assert not refused
