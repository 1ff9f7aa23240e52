"""Numbers of block devices, as the kernel writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.linux.io_stat import DeviceNumbers, parse_blkio, parse_io_stat
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


# The same file again and again


def io_stat(found):
    return "".join(
        f"{name} rbytes={a} wbytes=1 rios=2 wios={b}\n" for name, (a, b) in found.items()
    )


def blkio(found):
    lines = (
        f"{name} Read {a}\n{name} Sync 7\n{name} Write {b}\n" for name, (a, b) in found.items()
    )
    return "".join(lines) + "Total 3\n"


FORMS = [(parse_io_stat, KEYS, io_stat), (parse_blkio, (b"Read", b"Write"), blkio)]


@pytest.mark.parametrize(("parse", "keys", "write"), FORMS)
@pytest.mark.parametrize("order", [1, -1])
@given(st.lists(devices, min_size=1, max_size=6))
def test_a_file_read_again_gives_what_its_parser_gives(parse, keys, write, order, contents):
    numbers = DeviceNumbers(parse, keys[::order])
    for found in contents:
        for content in (write(found), write(dict.fromkeys(found, (5, 10**12)))):
            read = numbers.read(content.encode())
            parsed = parse(content.encode(), keys[::order])
            assert numbers.devices == tuple(parsed)
            assert read == [number for counts in parsed.values() for number in counts]


@pytest.mark.parametrize(("parse", "keys", "write"), FORMS)
@given(st.binary(max_size=20), st.data())
def test_a_spoilt_file_is_malformed_or_what_its_parser_makes_of_it(parse, keys, write, junk, data):
    whole = write({"8:0": (1, 2), "8:16": (3, 4)}).encode()
    numbers = DeviceNumbers(parse, keys)
    numbers.read(whole)
    start = data.draw(st.integers(0, len(whole)))
    spoilt = whole[:start] + junk + whole[data.draw(st.integers(start, len(whole))) :]
    try:
        expected = [number for counts in parse(spoilt, keys).values() for number in counts]
    except Malformed:
        with pytest.raises(Malformed):
            numbers.read(spoilt)
    else:
        assert numbers.read(spoilt) == expected
    assert numbers.read(whole) == [1, 2, 3, 4]
