"""The table of a network namespace's interfaces."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.linux.net_dev import NET_DEV_COUNTERS, parse_net_dev
from wca.linux.parse import Malformed

HEAD = (
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast"
    "|bytes    packets errs drop fifo colls carrier compressed\n"
)
numbers = st.lists(st.integers(0, 2**64 - 1), min_size=16, max_size=16)
names = st.text(
    st.characters(codec="ascii", min_codepoint=33, exclude_characters=":/"),
    min_size=1,
    max_size=15,
)


def table(rows):
    lines = [f"{name:>6}: " + " ".join(map(str, row)) for name, row in rows.items()]
    return (HEAD + "".join(line + "\n" for line in lines)).encode()


def test_each_half_gives_bytes_packets_errors_and_drops():
    data = table({"lo": [1] * 16, "eth0": range(100, 116)})
    assert parse_net_dev(data)["eth0"] == {
        "receive_bytes": 100,
        "receive_packets": 101,
        "receive_errors": 102,
        "receive_drops": 103,
        "transmit_bytes": 108,
        "transmit_packets": 109,
        "transmit_errors": 110,
        "transmit_drops": 111,
    }
    assert parse_net_dev(data).keys() == {"lo", "eth0"}


def test_an_old_kernel_leaves_no_blank_after_the_name():
    data = HEAD.encode() + b"  eth0:" + b" ".join([b"7"] * 16) + b"\n"
    assert parse_net_dev(data)["eth0"]["receive_bytes"] == 7


def test_a_namespace_without_interfaces_has_none():
    assert parse_net_dev(HEAD.encode()) == {}


@given(st.dictionaries(names, numbers, max_size=5))
def test_every_table_is_read_back(rows):
    read = parse_net_dev(table(rows))
    assert read == {
        name: dict(zip(NET_DEV_COUNTERS, [*row[:4], *row[8:12]], strict=True))
        for name, row in rows.items()
    }


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n\n",
        HEAD.encode() + b"eth0: 1 2 3\n",
        HEAD.encode() + b"eth0 1 2 3\n",
        HEAD.encode() + b": " + b"1 " * 16 + b"\n",
        HEAD.encode() + b"eth0: " + b"-1 " * 16 + b"\n",
        HEAD.encode() + b"eth0: " + b"1 " * 15 + b"12",
    ],
)
def test_a_table_of_another_form_is_malformed(data):
    with pytest.raises(Malformed):
        parse_net_dev(data)


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_garbage_is_malformed_and_nothing_worse(front, back):
    for data in (front, HEAD.encode() + back, table({"eth0": range(16)})[: len(front)] + back):
        with contextlib.suppress(Malformed):
            parse_net_dev(data)
