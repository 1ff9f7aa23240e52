"""Numbers of block devices, as the kernel writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.linux.io_stat import parse_blkio, parse_io_stat
from wca.linux.parse import Malformed

KEYS = (b"rbytes", b"wios")
LINE = b"8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6"
counts = st.integers(0, 2**64 - 1)
devices = st.dictionaries(
    st.tuples(st.integers(0, 4095), st.integers(0, 1 << 20)).map(
        lambda pair: f"{pair[0]}:{pair[1]}"
    ),
    st.tuples(counts, counts),
    max_size=5,
)


def test_the_wanted_numbers_come_in_the_order_of_their_keys():
    assert parse_io_stat(LINE + b" cost.usage=7\n", KEYS) == {"8:0": [1, 4]}
    assert parse_io_stat(LINE + b"\n", KEYS[::-1]) == {"8:0": [4, 1]}
    assert parse_io_stat(b"", KEYS) == {}


def test_a_device_that_was_begun_and_not_finished_is_left_out():
    assert parse_io_stat(b"253:1 253:0 " + LINE + b"\n8:16 \n", KEYS) == {"8:0": [1, 4]}
    assert parse_io_stat(b"8:0 cost.vrate=100.00\n", KEYS) == {}


@pytest.mark.parametrize(
    "data",
    [b"rbytes=1\n", b"8:x rbytes=1 wios=2\n", b"8:0 rbytes=1\n", b"8:0 rbytes=-1 wios=1\n", b"x\n"],
)
def test_io_stat_of_another_form_is_malformed(data):
    with pytest.raises(Malformed):
        parse_io_stat(data, KEYS)


@given(devices)
def test_io_stat_is_read_back(found):
    data = "".join(
        f"{name} rbytes={a} wbytes=0 rios=0 wios={b}\n" for name, (a, b) in found.items()
    )
    assert parse_io_stat(data.encode(), KEYS) == {name: list(pair) for name, pair in found.items()}


@given(devices)
def test_numbers_of_v1_are_read_back(found):
    data = "".join(
        f"{name} Read {a}\n{name} Write {b}\n{name} Total 0\n" for name, (a, b) in found.items()
    )
    read = parse_blkio(data.encode() + b"Total 0\n", (b"Write", b"Read"))
    assert read == {name: [b, a] for name, (a, b) in found.items()}


@pytest.mark.parametrize(
    "data", [b"8:0 Read\n", b"8:0 Read x\n", b"Read 5\n", b"8:0 Read 5\n", b"a:b Read 1\n", b"\n"]
)
def test_numbers_of_v1_of_another_form_are_malformed(data):
    with pytest.raises(Malformed):
        parse_blkio(data, (b"Read", b"Write"))
