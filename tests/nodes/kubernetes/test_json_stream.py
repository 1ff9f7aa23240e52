"""Lists that are read entry by entry."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.nodes.kubernetes_client import json_stream
from wca.nodes.kubernetes_client.json_stream import Broken, read_lines, read_list

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def cut(data, places):
    """Bytes in pieces."""
    ends = sorted({place % (len(data) + 1) for place in places})
    return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True) if a < b]


def members(document, name="items"):
    for key, value in document.items():
        if key == name and isinstance(value, list):
            yield from ((name, one) for one in value)
        else:
            yield key, value


@given(
    st.dictionaries(st.text(max_size=3), JSON, max_size=3),
    st.none() | st.lists(JSON, max_size=4),
    st.lists(st.integers(0, 10**6), max_size=8),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_it_reads_what_json_reads_wherever_it_is_cut(others, items, places, indent, ascii_only):
    document = {**others, "items": items}
    data = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()
    assert list(read_list(cut(data, places), "items")) == list(members(document))


@given(st.lists(JSON, max_size=5), st.lists(st.integers(0, 10**6), max_size=8))
def test_lines_are_read_wherever_they_are_cut(values, places):
    data = b"".join(json.dumps(one).encode() + b"\n" for one in values)
    assert list(read_lines(cut(data, places))) == values


@pytest.mark.parametrize(
    "text",
    ["", "  ", "[]", "<html>", "{", "{1", '{"a":1 "b":2}', '{"items":[1 2]}', '{"items":[{"a":}]}'],
)
def test_what_is_no_object_or_ends_too_early_is_broken(text):
    with pytest.raises(Broken):
        list(read_list([text.encode()], "items"))


@given(st.lists(JSON, min_size=1, max_size=4), st.data())
def test_an_answer_that_breaks_off_is_broken(items, data):
    text = json.dumps({"metadata": {}, "items": items}).encode()
    cut_at = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(Broken):
        list(read_list([text[:cut_at]], "items"))


def test_bytes_that_are_no_text_are_replaced():
    assert list(read_list([b'{"a": "\xff"}'], "items")) == [("a", "\ufffd")]


@pytest.mark.parametrize("nested", ["[" * 100_000, '{"a":' * 100_000])
def test_what_is_nested_without_end_is_broken(nested):
    with pytest.raises(Broken):
        list(read_list([b'{"items":[', nested.encode()], "items"))


def test_an_entry_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr(json_stream, "_LONGEST", 1000)
    sent = []

    def endless():
        yield b'{"items":["'
        for _ in range(10_000):
            sent.append(1)
            yield b"x" * 100

    with pytest.raises(Broken, match="longer than 1000 characters"):
        list(read_list(endless(), "items"))
    assert len(sent) < 100
    with pytest.raises(Broken, match="longer than 1000 bytes"):
        list(read_lines([b"x" * 2000]))


def test_it_may_be_cut_anywhere():
    document = {"a": -12.5e-7, "items": [34, {"b": [True, None]}, '\u00e9"', 1e300], "c": False}
    data = json.dumps(document, ensure_ascii=False).encode()
    for first in range(len(data)):
        for second in range(first, len(data)):
            pieces = [data[:first], data[first:second], data[second:]]
            read = list(read_list(filter(None, pieces), "items"))
            assert read == list(members(document)), pieces


def test_entries_are_given_before_the_rest_has_come():
    def pieces():
        yield b'{"items":[{"a":1},'
        pytest.fail("it was not needed yet")

    assert next(read_list(pieces(), "items")) == ("items", {"a": 1})


def test_the_last_line_may_be_lacking():
    assert list(read_lines([b'{"a":1}\n{"b":', b"2"])) == [{"a": 1}]


@pytest.mark.parametrize("line", [b"{]", b"1 2", b"\xff", b"9" * 5000])
def test_a_line_that_is_no_json_is_broken(line):
    with pytest.raises(Broken, match="is no JSON"):
        list(read_lines([line + b"\n"]))
