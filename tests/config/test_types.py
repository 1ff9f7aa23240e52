# ruff: noqa: UP006, UP007, UP035, UP045 - plugins write annotations in all of these ways
"""Annotations with a meaning: ranges, units, paths, addresses."""

import math
import os
from typing import Annotated, Dict, List, Optional, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.config.types import (
    Constraint,
    Duration,
    IpPort,
    Numeric,
    Path,
    Ratio,
    Secret,
    Size,
    Str,
    Url,
)
from wca.config.units import parse_duration, parse_ratio, parse_size
from wca.errors import ValidationError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("250us", 0.00025), ("10s", 10), ("1.5h", 5400), ("5m", 300), ("1d", 86400)],
)
def test_a_duration_is_read_as_seconds(build, text, seconds):
    assert build(Annotated[float, Duration()], text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [("64MiB", 64 * 2**20), ("64Mi", 64 * 2**20), ("10MB", 10**7), ("1GiB", 2**30),
     ("100B", 100), ("4096", 4096), ("1.5KiB", 1536), ("3kB", 3000)],
)  # fmt: skip
def test_a_size_is_read_as_bytes(build, text, size):
    value = build(Annotated[int, Size()], text)
    assert value == size
    assert type(value) is int


def test_a_ratio_is_read_as_a_fraction(build):
    assert build(Annotated[float, Ratio()], "2%") == 0.02
    assert build(Annotated[float, Ratio()], "0.02") == 0.02


def test_a_number_is_taken_in_the_base_unit(build):
    assert build(Annotated[float, Duration(0.01, 60)], "5") == 5.0
    assert type(build(Annotated[float, Duration(0.01, 60)], "5")) is float


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (Annotated[float, Duration(0.01, 60)], "2m"),
        (Annotated[float, Duration(0.01, 60)], "1ms"),
        (Annotated[float, Duration()], "10 parsecs"),
        (Annotated[float, Duration()], "10xy"),
        (Annotated[int, Size()], "10xy"),
        (Annotated[float, Ratio()], "10xy"),
        (Annotated[float, Duration()], "-1"),
        (Annotated[float, Duration()], ".inf"),
        (Annotated[float, Duration()], ".nan"),
        (Annotated[float, Duration()], "true"),
        (Annotated[float, Duration()], "[1]"),
        (Annotated[int, Size()], "1.5"),
        (Annotated[int, Size()], "1.3B"),
        (Annotated[int, Size()], "10s"),
        (Annotated[int, Size(0, 100)], "1KiB"),
        (Annotated[float, Ratio()], "2"),
        (Annotated[float, Ratio()], "200%"),
        (Annotated[float, Ratio()], "2 percent"),
    ],
)
def test_a_wrong_number_with_a_unit_is_refused_with_an_example(refuse, annotation, text):
    message = refuse(annotation, text)
    assert message.startswith("c.yaml:2:6: runner.x: expected a ")
    assert text in message.rpartition("got ")[2] or text in (".inf", ".nan", "[1]")
    assert "such as" in message


@given(st.text(max_size=20))
def test_units_are_parsed_or_refused_never_more(text):
    for parse in (parse_duration, parse_size, parse_ratio):
        try:
            value = parse(text)
        except ValueError:
            continue
        assert value >= 0
        assert math.isfinite(value)


@given(st.integers(0, 10**9), st.sampled_from([("ms", 1e-3), ("s", 1), ("m", 60), ("h", 3600)]))
def test_a_duration_is_its_number_times_its_unit(number, unit):
    assert parse_duration(f"{number}{unit[0]}") == pytest.approx(number * unit[1])


@given(st.integers(0, 10**15), st.sampled_from([("B", 1), ("KiB", 2**10), ("GB", 10**9)]))
def test_a_size_is_exact(number, unit):
    assert parse_size(f"{number}{unit[0]}") == number * unit[1]


@pytest.mark.parametrize("value", [0, 60, 0.5, 60.0])
def test_the_bounds_of_a_range_belong_to_it(value):
    Numeric(0, 60).check(value)


@pytest.mark.parametrize("value", [-1, 60.1, math.nan, math.inf, True, "5", None, [5]])
def test_what_is_outside_a_range_or_no_number_is_refused(value):
    with pytest.raises(ValidationError, match="expected a number between 0 and 60"):
        Numeric(0, 60).check(value)


def test_nan_is_refused_without_bounds_too():
    Numeric().check(1e300)
    with pytest.raises(ValidationError):
        Numeric().check(math.nan)


@pytest.mark.parametrize(
    "value",
    [
        "127.0.0.1:9092",
        "[::1]:9092",
        "kafka:9092",
        "kafka-1.example.org:1",
        "a_b:65535",
        "[fe80::1%eth0]:1",
    ],
)
def test_an_address_with_a_port_is_accepted(value):
    IpPort().check(value)


@pytest.mark.parametrize(
    "value",
    ["127.0.0.1", "127.0.0.1:", ":80", "127.1:80", "1.2.3.400:80", "host:0", "host:65536",
     "host:99999", "host:abc", "::1:80", "[::1]", "[kafka:80", "a b:80", "-x:80", "a..b:80",
     "host:-1", "host:\uff11", "", 9092, None],
)  # fmt: skip
def test_anything_else_is_no_address_with_a_port(value):
    with pytest.raises(ValidationError):
        IpPort().check(value)


@pytest.mark.parametrize("value", ["http://a", "https://a.b:8080/c?d=e", "http://[::1]:80/x"])
def test_a_web_address_is_accepted(value):
    Url().check(value)


@pytest.mark.parametrize(
    "value",
    ["a", "ftp://a", "http://", "http:///x", "http://a:99999", "http://a:0", "http://a b",
     "http://a\n", "http://[::1", "//a", "", 5, "http://" + "a" * 400],
)  # fmt: skip
def test_anything_else_is_no_web_address(value):
    with pytest.raises(ValidationError):
        Url().check(value)


def test_a_web_address_can_be_asked_for_a_path_and_other_schemes():
    Url(is_path_obligatory=True).check("http://a/b")
    with pytest.raises(ValidationError, match="with a path"):
        Url(is_path_obligatory=True).check("http://a/")
    Url(supported_schemes=("unix",)).check("unix://a")


@pytest.mark.parametrize("value", ["/a/b", "a", "a..b", "/..a"])
def test_a_path_is_accepted(value):
    Path().check(value)


@pytest.mark.parametrize("value", ["..", "/a/../b", "a/..", "", "a\0b", 5, "a" * 401])
def test_a_path_that_climbs_or_cannot_exist_is_refused(value):
    with pytest.raises(ValidationError):
        Path().check(value)


def test_a_path_can_be_asked_to_be_absolute():
    Path(absolute=True).check("/a")
    with pytest.raises(ValidationError, match="beginning with /"):
        Path(absolute=True).check("a")


def test_how_a_path_is_accessible_is_a_matter_of_the_machine(tmp_path):
    path = Path(mode=os.R_OK)
    path.check(str(tmp_path / "absent"))
    with pytest.raises(ValidationError, match="must be readable, but it does not exist"):
        path.check_here(str(tmp_path / "absent"))
    path.check_here(str(tmp_path))


def test_text_has_a_length():
    Str(3).check("abc")
    with pytest.raises(ValidationError, match="at most 3 characters, got 4 characters"):
        Str(3).check("abcd")


@pytest.mark.parametrize(
    "annotation",
    [
        Numeric(0, 60),
        Optional[Numeric(0, 60)],
        Numeric(0, 60) | None,
        None | Numeric(0, 60),
        Union[Numeric(0, 60), str],
        Annotated[float, Numeric(0, 60)],
        Annotated[Optional[float], Numeric(0, 60)],
        Numeric,
        Optional[Numeric],
    ],
)
def test_an_annotation_may_be_bare_called_or_annotated(build, annotation):
    assert build(annotation, "5") == 5


def test_a_called_annotation_works_inside_collections(build, refuse):
    assert build(List[Numeric(0, 9)], "[1, 2]") == [1, 2]
    assert build(Dict[Str(3), Path], "{a: /b}") == {"a": "/b"}
    assert "runner.x[1]: expected a number between 0 and 9, got the number 99" in refuse(
        List[Numeric(0, 9)], "[1, 99]"
    )


def test_null_passes_where_it_is_allowed_only(build, refuse):
    assert build(Optional[Path(True)], "null") is None
    assert build(Annotated[float | None, Duration()], "null") is None
    assert "got nothing (null)" in refuse(Path, "null")


def test_a_whole_number_stays_one_under_a_called_range(build):
    assert type(build(Numeric(0, 60), "5")) is int
    assert type(build(Annotated[float, Numeric(0, 60)], "5")) is float
    assert type(build(Annotated[int, Numeric(0, 60)], "5")) is int


def test_the_base_type_holds_beside_the_range(refuse):
    assert "got the number 5.5" in refuse(Annotated[int, Numeric(0, 60)], "5.5")


def test_a_plugin_may_bring_a_constraint_of_its_own(build, refuse):
    class Even(Constraint):
        def check(self, value):
            if value % 2:
                raise ValidationError("expected an even number")

    class Faulty(Constraint):
        def check(self, value):
            raise RuntimeError("oops")

    assert build(Annotated[int, Even()], "4") == 4
    assert refuse(Annotated[int, Even()], "5") == "c.yaml:2:6: runner.x: expected an even number"
    assert "cannot be checked (RuntimeError: oops)" in refuse(Annotated[int, Faulty()], "5")


def test_a_secret_alone_is_text(build):
    assert build(Secret, "abc") == "abc"
    assert build(Optional[Secret()], "abc") == "abc"
