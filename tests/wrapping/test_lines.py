"""Chunks to lines, however the output is cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.wrapping.lines import Lines


def lines(*chunks, longest=64):
    made = Lines(longest)
    found = [line for chunk in chunks for line in made.feed(chunk)]
    return [*found, *made.end()], made.cut


def test_lines_end_in_three_ways():
    assert lines(b"a\nb\r\nc\rd\n") == (["a", "b", "c", "d"], 0)


def test_a_last_line_needs_no_end():
    assert lines(b"a\nb") == (["a", "b"], 0)
    assert lines(b"a\n") == (["a"], 0)


def test_empty_lines_are_lines():
    assert lines(b"a\n\n\nb\r\n\r\n") == (["a", "", "", "b", ""], 0)


def test_an_end_of_two_bytes_may_be_cut():
    assert lines(b"a\r", b"\nb\n") == (["a", "b"], 0)
    assert lines(b"a\r", b"b\n") == (["a", "b"], 0)


def test_what_is_no_utf_8_is_replaced():
    assert lines(b"\xff\xfea=1\n") == (["\ufffd\ufffda=1"], 0)
    assert lines("é".encode()[:1], "é".encode()[1:] + b"\n") == (["é"], 0)


def test_of_a_line_that_is_too_long_the_beginning_is_kept():
    assert lines(b"x" * 100 + b"\nb\n", longest=10) == (["x" * 10, "b"], 1)
    assert lines(*[b"x" * 7] * 10, b"\nb", longest=10) == (["x" * 10, "b"], 1)
    assert lines(b"x" * 10 + b"\n", longest=10) == (["x" * 10], 0)


def test_what_was_lost_costs_the_line_that_it_was_in():
    made = Lines()
    found = list(made.feed(b"a\nb"))
    made.skip()
    found += made.feed(b"rest of another\nc\n")
    made.skip()
    assert [*found, *made.end()] == ["a", "c"]


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)))
def test_how_the_output_is_cut_does_not_matter(data, cuts):
    places = [0, *sorted(cuts), len(data)]
    chunks = [data[a:b] for a, b in itertools.pairwise(places)]
    whole, _ = lines(data, longest=1000)
    assert lines(*chunks, longest=1000)[0] == whole
    assert whole == [one.decode("utf-8", "replace") for one in data.splitlines()]


@given(st.lists(st.binary(max_size=50)), st.integers(1, 20))
def test_no_line_is_longer_than_allowed(chunks, longest):
    found, _ = lines(*chunks, longest=longest)
    assert all(len(line) <= longest for line in found)


@pytest.mark.parametrize("chunk", [b"", b"\n", b"\r"])
def test_odd_chunks(chunk):
    assert lines(chunk, chunk)[1] == 0
