"""When two texts of a kernel file say the same; and what is in a journal, whatever is in it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.allocations.api import JournalError
from wca.allocations.ledger import Ledger
from wca.allocations.records import Lines, decode_line, encode_record
from wca.allocations.values import current_value, key_of, same_value

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("max 100000", "max  100000\n"),
        ("0-3,8", "0,1,2,3,8"),
        ("0-1", "0,1"),
        ("    MB:0=100\nL3:0=ff", "MB:0=100\n    L3:0=ff\n"),
    ],
)
def test_the_same(one, other):
    assert same_value(one, other)
    assert same_value(other, one)


@pytest.mark.parametrize(
    ("path", "same"),
    [
        ("/cg/memory.max", True),
        ("/cg/memory.limit_in_bytes", True),
        ("/cg/cpu.cfs_quota_us", False),
        ("/cg/cpu.shares", False),
        ("", False),
    ],
)
def test_sizes_of_memory_are_the_same_up_to_a_page_and_no_other_number_is(path, same):
    assert same_value("67108864", "67110000", path) == same
    assert not same_value("67108864", "67104768", path)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2", "3"),
        ("0-3", "0-2"),
        ("max", "1"),
        ("", "0"),
        ("67108864", "67104768"),
        ("8191", "8192"),
        ("100000", "100001"),
    ],
)
def test_not_the_same(one, other):
    assert not same_value(one, other)
    assert not same_value(other, one)


@given(st.text(), st.text())
def test_it_is_symmetric_and_takes_any_text(one, other):
    assert same_value(one, one)
    assert same_value(one, other) == same_value(other, one)
    key_of(one)
    current_value(one, other, "/a/cpu.shares")


@pytest.mark.parametrize(
    ("text", "like", "name", "current"),
    [
        (
            "8:0 rbps=1 wbps=max riops=max wiops=max\n9:0 rbps=2",
            "9:0 rbps=5",
            "io.max",
            "9:0 rbps=2",
        ),
        ("8:0 rbps=1", "9:0 rbps=5 wbps=7", "io.max", "9:0 rbps=max wbps=max"),
        ("8:0 100\n", "8:0 5", "blkio.throttle.read_bps_device", "8:0 100"),
        ("", "8:0 5", "blkio.throttle.read_bps_device", "8:0 0"),
        ("default 100\n", "8:0 5", "io.weight", "8:0 default"),
        ("    MB:0=100\n    L3:0=fff\n", "L3:0=f", "schemata", "L3:0=fff"),
        ("1024\n", "2", "cpu.shares", "1024"),
    ],
)
def test_a_file_with_a_line_for_each_thing_is_asked_for_one(text, like, name, current):
    assert current_value(text, like, f"/group/{name}") == current


@given(st.binary())
def test_a_line_is_a_record_or_none(data):
    assert decode_line(data) is None or isinstance(decode_line(data), dict)


@given(st.lists(st.dictionaries(st.text(), JSON), max_size=5), st.data())
def test_records_come_back_from_any_pieces_and_a_cut_costs_the_last(records, data):
    text = b"".join(map(encode_record, records))
    lines, found, at = Lines(), [], 0
    end = data.draw(st.integers(0, len(text)))
    while at < end:
        size = data.draw(st.integers(1, end))
        found += lines.feed(text[at : min(end, at + size)])
        at += size
    assert found == records[: len(found)]
    assert lines.damaged == 0
    whole = [
        len(b"".join(map(encode_record, records[: n + 1]))) <= end for n in range(len(records))
    ]
    assert len(found) == sum(whole)


KINDS = ["entry", "intend", "settle", "undone", "renew", "journal", "x"]
NAMES = ["key", "version", "boot", "path", "original", "ours", "settled", "pending", "cgroup"]
RECORDS = st.fixed_dictionaries(
    {"kind": st.sampled_from(KINDS)},
    optional=dict.fromkeys([*NAMES, "expires", "new", "outcome"], JSON),
)


@given(st.lists(RECORDS, max_size=6))
def test_a_ledger_takes_any_records(records):
    ledger = Ledger()
    for record in records:
        with contextlib.suppress(JournalError):  # of a later version
            ledger.apply(record)
