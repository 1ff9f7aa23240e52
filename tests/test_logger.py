"""Log lines look as the seed prints them, and levels are set per module."""

import io
import logging
import re

import pytest

from wca.errors import ValidationError
from wca.logger import LogCounter, configure_logging, parse_levels


@pytest.fixture
def restore_logging():
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)
    for name in ("wca", "http_storage"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_a_line_has_date_level_thread_logger_and_message(restore_logging):
    out = io.StringIO()
    configure_logging({"http_storage": "INFO"}, out)
    logging.getLogger("http_storage").info("sending!")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO \{MainThread\} \[http_storage\] sending!\n",
        out.getvalue(),
    )


def test_a_terminal_gets_colour_and_a_file_does_not(restore_logging):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal, file = Terminal(), io.StringIO()
    for out in (terminal, file):
        configure_logging({}, out)
        logging.getLogger("wca").error("x")
    assert "\x1b[" in terminal.getvalue()
    assert "\x1b[" not in file.getvalue()


def test_modules_that_are_not_named_log_warnings_only(restore_logging):
    out = io.StringIO()
    configure_logging({"wca": "DEBUG"}, out)
    logging.getLogger("wca.config").debug("ours")
    logging.getLogger("urllib3").info("theirs")
    assert "ours" in out.getvalue()
    assert "theirs" not in out.getvalue()


def test_a_bare_level_is_for_wca_and_the_last_word_wins():
    assert parse_levels(["DEBUG", "foo.bar:info", "trace"]) == {"wca": "TRACE", "foo.bar": "INFO"}


@pytest.mark.parametrize("text", ["a:b:info", ":info"])
def test_a_malformed_level_says_how_to_write_it(text):
    with pytest.raises(ValidationError, match="write it as level or module:level"):
        parse_levels([text])


@pytest.mark.parametrize("text", ["loud", "", "foo:loud", "foo:"])
def test_an_unknown_level_names_the_known_ones(text):
    with pytest.raises(ValidationError, match="use one of critical, error, warning, info, debug"):
        parse_levels([text])


def test_warnings_and_errors_are_counted_by_logger_and_critical_is_an_error():
    with LogCounter() as counter:
        log = logging.getLogger("counted")
        for call, times in ((log.warning, 3), (log.error, 2), (log.critical, 1)):
            for _ in range(times):
                call("x")
        logging.getLogger("counted.child").warning("x")
    logging.getLogger("counted").warning("after the end")
    assert counter.warnings == {"counted": 3, "counted.child": 1}
    assert counter.errors == {"counted": 3}
