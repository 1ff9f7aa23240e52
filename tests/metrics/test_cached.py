"""HELP of values that may be old."""

import pytest

from wca.metrics import CATALOGUE
from wca.metrics.cached import READ_ONCE, age_note, with_ages

NAME = "task_mem_usage_bytes"


@pytest.mark.parametrize(
    ("seconds", "note"),
    [(60, ""), (60.5, " Up to 60.5 s old."), (3600, " Up to 3600 s old."), (1e6, None)],
)
def test_what_is_kept_for_more_than_a_minute_says_so(seconds, note):
    entry = with_ages(CATALOGUE, {NAME: seconds})[NAME]
    expected = f" Up to {seconds:.15g} s old." if note is None else note
    assert entry.help == CATALOGUE[NAME].help + expected
    assert age_note(entry.help) == expected


def test_others_stay_as_they_are():
    entries = with_ages(CATALOGUE, {NAME: 300})
    assert {name for name, entry in entries.items() if entry != CATALOGUE[name]} == {NAME}


def test_it_is_said_once():
    entries = with_ages(CATALOGUE, {NAME: 300})
    assert with_ages(entries, {NAME: 600}) == entries


def test_what_is_read_once_says_that_instead():
    once = {name for name, entry in CATALOGUE.items() if age_note(entry.help)}
    assert once == {name for name in CATALOGUE if name.startswith("platform_dimm_")}
    entries = with_ages(CATALOGUE, dict.fromkeys(once, 3600.0))
    assert all(entries[name].help.endswith(f" {READ_ONCE}") for name in once)


def test_no_help_says_nothing_of_an_age():
    assert age_note(None) == age_note("") == age_note("Usage. Up to you.") == ""
