"""Patterns of cgroup paths: what fits, and where it is not worth looking."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.errors import ValidationError
from wca.nodes.cgroup_patterns import PathPatterns


def places(patterns, path):
    """Where one is after each name of a path."""
    place = patterns.root
    yield place
    for name in filter(None, path.split("/")):
        place = patterns.below(place, name)
        yield place


def fits(pattern, path):
    patterns = PathPatterns([pattern])
    *_, last = places(patterns, path)
    return patterns.match(last)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/system.slice/*.service", "/system.slice/a.service"),
        ("system.slice/a.service/", "/system.slice/a.service"),
        ("/machine.slice/**", "/machine.slice/a"),
        ("/machine.slice/**", "/machine.slice/a/b/c"),
        ("/**/*.scope", "/a.scope"),
        ("/**/*.scope", "/x/y/a.scope"),
        ("/a/**/b/**/c", "/a/b/c"),
        ("/a/**/b/**/c", "/a/x/b/y/b/c"),
        ("/a/**/**", "/a/b"),
        ("/**", "/a"),
        ("/pod?/[ab]", "/pod1/b"),
        ("/[!a]*", "/b"),
        ("/[[]x]", "/[x]"),
        ("/*", "/.hidden"),
        ("/a\\x2db.service", "/a\\x2db.service"),
        ("/", "/"),
    ],
)
def test_it_fits(pattern, path):
    assert fits(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/system.slice/*.service", "/system.slice/a.scope"),
        ("/system.slice/*.service", "/system.slice/a.service/below"),
        ("/system.slice/*.service", "/system.slice"),
        ("/system.slice/*.service", "/x/system.slice/a.service"),
        ("/machine.slice/**", "/machine.slice"),
        ("/machine.slice/**", "/machine.slices/a"),
        ("/**", "/"),
        ("/a/**/**", "/a"),
        ("/a/*", "/A/b"),
        ("/[!a]*", "/a"),
        ("/a.service", "/aXservice"),
        ("/", "/a"),
    ],
)
def test_it_does_not_fit(pattern, path):
    assert not fits(pattern, path)


@pytest.mark.parametrize("pattern", ["", "  ", "/a/../b", "..", "/./a", "/a\0b"])
def test_what_can_be_no_path_is_refused(pattern):
    with pytest.raises(ValidationError, match="pattern of a cgroup path"):
        PathPatterns([pattern])


def test_where_nothing_can_fit_there_is_no_place():
    patterns = PathPatterns(["/system.slice/*.service", "/machine.slice/**"])
    assert not patterns.below(patterns.root, "user.slice")
    assert patterns.below(patterns.root, "machine.slice")


def test_names_that_are_written_out_need_no_list():
    patterns = PathPatterns(["/a/b/*", "/a/c", "/x/y"])
    assert patterns.names(patterns.root) == ["a", "x"]
    inside = patterns.below(patterns.root, "a")
    assert patterns.names(inside) == ["b", "c"]
    assert patterns.names(patterns.below(inside, "b")) is None
    assert patterns.names(patterns.below(inside, "c")) == []


def test_several_patterns_are_one_question():
    patterns = PathPatterns(["/a/*", "/*/b"])
    *_, last = places(patterns, "/a/b")
    assert patterns.match(last)
    *_, last = places(patterns, "/c/b")
    assert patterns.match(last)
    *_, last = places(patterns, "/c/a")
    assert not patterns.match(last)


NAMES = st.sampled_from(["a", "b", "ab", "a.b"])
PARTS = st.sampled_from(["a", "b", "*", "a*", "?", "**", "[ab]"])


def oracle(parts):
    """The same meaning as one regular expression over the whole path."""
    meaning = {"*": "/[^/]*", "a*": "/a[^/]*", "?": "/[^/]", "[ab]": "/[ab]", "**": "(?:/[^/]+)*"}
    text = "".join(meaning.get(part, f"/{re.escape(part)}") for part in parts[:-1])
    return text + ("(?:/[^/]+)+" if parts[-1] == "**" else meaning.get(parts[-1], f"/{parts[-1]}"))


@given(st.lists(PARTS, min_size=1, max_size=5), st.lists(NAMES, min_size=1, max_size=6))
def test_the_way_down_and_a_regular_expression_agree(parts, names):
    path = "/" + "/".join(names)
    assert fits("/".join(parts), path) == bool(re.fullmatch(oracle(parts), path))


@given(
    st.lists(st.lists(PARTS, min_size=1, max_size=4).map("/".join), min_size=1, max_size=3),
    st.lists(NAMES, max_size=5),
)
def test_a_path_that_fits_is_never_cut_off_on_the_way(given_patterns, names):
    patterns = PathPatterns(given_patterns)
    path = "/" + "/".join(names)
    *_, last = way = list(places(patterns, path))
    assert patterns.match(last) == any(fits(pattern, path) for pattern in given_patterns)
    if patterns.match(last):
        assert all(way)
        for place, name in zip(way, names, strict=False):
            only = patterns.names(place)
            assert only is None or name in only
