"""Fixtures that several test folders share."""

import itertools

import pytest

pytest_plugins = ["tests.cgroup_fixtures", "tests.certificate_fixtures", "tests.http_receiver"]


@pytest.fixture
def spool_options(tmp_path):
    """Gives the option ``spool`` of a storage, each time with a file of its own."""
    numbers = itertools.count()
    return lambda **options: {"path": str(tmp_path / f"spool{next(numbers)}" / "file"), **options}
