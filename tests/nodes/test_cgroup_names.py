"""Names of units as systemd gives them to cgroups."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.errors import ValidationError
from wca.nodes.cgroup_names import Unit, printable, slice_path, unit_of


@pytest.mark.parametrize(
    ("directory", "unit"),
    [
        ("nginx.service", Unit("nginx.service", "service", "", "")),
        ("session-2.scope", Unit("session-2.scope", "scope", "", "")),
        ("a-b.slice", Unit("a-b.slice", "slice", "", "")),
        ("foo@bar.service", Unit("foo@bar.service", "service", "foo@.service", "bar")),
        ("foo@a@b.service", Unit("foo@a@b.service", "service", "foo@.service", "a@b")),
        (
            "postgresql@15-main.service",
            Unit("postgresql@15-main.service", "service", "postgresql@.service", "15-main"),
        ),
        (
            r"foo@a\x2db.c.service",
            Unit(r"foo@a\x2db.c.service", "service", "foo@.service", "a-b.c"),
        ),
        ("_cpu.weight.service", Unit("cpu.weight.service", "service", "", "")),
        ("__x.service", Unit("_x.service", "service", "", "")),
        ("@x.service", Unit("@x.service", "service", "", "")),
        ("service", Unit("service", "", "", "")),
        (".service", Unit(".service", "", "", "")),
        ("", Unit("", "", "", "")),
    ],
)
def test_a_directory_tells_the_unit(directory, unit):
    assert unit_of(directory) == unit


@pytest.mark.parametrize(
    ("name", "readable"),
    [
        ("plain.service", "plain.service"),
        (r"dev-disk-by\x2duuid.service", "dev-disk-by-uuid.service"),
        (r"gr\xc3\xbc\xc3\x9fe.service", "grüße.service"),
        (r"bad\xff.service", r"bad\xff.service"),
        (r"line\x0aend.service", r"line\x0aend.service"),
        (r"half\x2.service", r"half\x2.service"),
    ],
)
def test_a_readable_name_has_no_escapes_where_they_stand_for_text(name, readable):
    assert unit_of(name).readable == readable
    assert unit_of(name).name == name


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("system.slice", "/system.slice"),
        ("a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice"),
        ("user-1000.slice", "/user.slice/user-1000.slice"),
        (r"system-foo\x2dbar.slice", r"/system.slice/system-foo\x2dbar.slice"),
        ("-.slice", "/"),
    ],
)
def test_a_slice_is_inside_those_that_its_name_begins_with(name, path):
    assert slice_path(name) == path


@pytest.mark.parametrize(
    "name",
    ["", "system", "system.service", ".slice", "a--b.slice", "-a.slice", "a-.slice", "a/b.slice"],
)
def test_what_is_no_slice_is_refused(name):
    with pytest.raises(ValidationError, match="the name of a slice"):
        slice_path(name)


@given(st.binary(max_size=20))
def test_any_name_can_be_stored(raw):
    text = printable(raw.decode("utf-8", "surrogateescape"))
    text.encode("utf-8")
    unit_of(raw.decode("utf-8", "surrogateescape")).readable.encode("utf-8")
    if raw.isascii():
        assert text == raw.decode()
