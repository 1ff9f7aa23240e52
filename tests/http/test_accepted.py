"""What a header of the Accept family says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.http import Accepted, Request


def accepted(header):
    return Request("GET", "/", {}, {"accept": header}).accepted("accept")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        ("text/plain", [Accepted("text/plain")]),
        ("Text/Plain ; Version=0.0.4;q=0.5", [Accepted("text/plain", 0.5, {"version": "0.0.4"})]),
        ("a/b;q=0, c/d;q=1.000", [Accepted("a/b", 0.0), Accepted("c/d", 1.0)]),
        ('a/b;x="1,2";q=0.3,*/*', [Accepted("a/b", 0.3, {"x": "1,2"}), Accepted("*/*")]),
        ("gzip;q=0.25;later=1", [Accepted("gzip", 0.25)]),
    ],
)
def test_elements_with_their_weights(header, expected):
    assert accepted(header) == expected


@pytest.mark.parametrize(
    "bad", ["a/b;q=2", "a/b;q=-1", "a/b;q=1.5", "a/b;q=0.1234", "a/b;q", ";q=1"]
)
def test_an_element_that_is_not_valid_is_left_out(bad):
    assert accepted(f"{bad}, c/d") == [Accepted("c/d")]


def test_a_request_without_the_header_says_nothing():
    assert Request("GET", "/", {}, {}).accepted("accept") == []


@given(st.text(max_size=60) | st.text('a/*;q=01.,"\\ ', max_size=60))
def test_whatever_it_says_the_weights_are_weights(header):
    assert all(0 <= one.quality <= 1 for one in accepted(header))
