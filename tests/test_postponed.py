"""An error that is raised later is raised once and keeps nothing alive."""

import pytest

from tests.garbage import left_behind
from wca.errors import Postponed


def test_it_is_raised_when_asked_for_and_only_once():
    failed = Postponed()
    failed.raise_kept()
    failed.keep(ValueError("first"))
    failed.keep(ValueError("last"))
    with pytest.raises(ValueError, match="last"):
        failed.raise_kept()
    failed.raise_kept()


def _fails():
    failed = Postponed()
    try:
        int("no")
    except ValueError as error:
        failed.keep(error)
    failed.raise_kept()


def _fails_by_a_variable():
    failed = None
    try:
        int("no")
    except ValueError as error:
        failed = error
    raise failed


def test_no_cycle_stays_as_one_does_of_a_variable():
    assert left_behind(_fails, ValueError) == 0
    assert left_behind(_fails_by_a_variable, ValueError) > 0
