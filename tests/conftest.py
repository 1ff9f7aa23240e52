"""Fixtures that several test folders share."""

import itertools
import logging
from pathlib import Path

import pytest

pytest_plugins = [
    "tests.browser",
    "tests.certificate_fixtures",
    "tests.cgroup_fixtures",
    "tests.http_receiver",
]

#: Folders whose tests measure CPU time or the whole machine, boot kernels, or build the pex: one at
#: a time, with nothing beside them.
ALONE = {"allocations", "benchmarks", "collectors", "main", "packaging", "runners", "vm"}
#: Folders whose files share a server that is started once.
TOGETHER = {"kafka"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Say which tests have to be alone, and which belong to one process when there are several."""
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        if folder in ALONE:
            item.add_marker("alone")
        item.add_marker(pytest.mark.xdist_group(folder if folder in TOGETHER else str(item.path)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """What was printed goes from one process to another, as UTF-8: some tests print what is none."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report


@pytest.fixture(autouse=True)
def logging_as_it_was():
    """A command that a test calls sets levels, and writes to a stream that is closed with the test."""
    root = logging.getLogger()
    level, own = root.level, [one for one in root.handlers if one.get_name() == "wca"]
    levels = _levels()
    yield
    root.setLevel(level)
    for handler in [one for one in root.handlers if one.get_name() == "wca" and one not in own]:
        root.removeHandler(handler)
    for name, before in levels.items():  # a new one has the level that its module gave it
        logging.getLogger(name).setLevel(before)


def _levels():
    logging.getLogger("wca")
    loggers = logging.root.manager.loggerDict.items()
    ours = [(name, one) for name, one in loggers if name.split(".")[0] == "wca"]
    return {name: one.level for name, one in ours if isinstance(one, logging.Logger)}


@pytest.fixture
def spool_options(tmp_path):
    """Gives the option ``spool`` of a storage, each time with a file of its own."""
    numbers = itertools.count()
    return lambda **options: {"path": str(tmp_path / f"spool{next(numbers)}" / "file"), **options}
