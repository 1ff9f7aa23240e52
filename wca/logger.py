"""Logging as the seed prints it: ``date LEVEL {thread} [logger] message`` on standard error."""

import logging
import sys
import threading
from collections.abc import Iterable, Mapping
from typing import TextIO

from wca.errors import ValidationError

__all__ = [
    "DEFAULT_LEVELS",
    "TRACE",
    "LogCounter",
    "LogLevels",
    "check_level",
    "configure_logging",
    "parse_levels",
]

#: Finer than DEBUG: every value that passes.
TRACE = 9
logging.addLevelName(TRACE, "TRACE")

#: A level given without a module is for our own package.
DEFAULT_MODULE = "wca"
DEFAULT_LEVELS: Mapping[str, str] = {DEFAULT_MODULE: "INFO"}

_LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG", "TRACE")
_FORMAT = "%(asctime)s %(levelname)s {%(threadName)s} [%(name)s] %(message)s"
_COLOURS = {"CRITICAL": 35, "ERROR": 31, "WARNING": 33, "INFO": 32, "DEBUG": 36, "TRACE": 90}


def parse_levels(texts: Iterable[str]) -> dict[str, str]:
    """Turn ``["debug", "http_storage:info"]`` into levels by module; the last word wins.

    Raises:
        ValidationError: the text is not ``[module:]level`` or the level is unknown.
    """
    levels: dict[str, str] = {}
    for text in texts:
        module, colon, level = text.rpartition(":")
        if ":" in module or (colon and not module):
            raise ValidationError(f"log level {text!r}: write it as level or module:level")
        levels[module or DEFAULT_MODULE] = check_level(level)
    return levels


def check_level(level: object) -> str:
    """The level in upper case.

    Raises:
        ValidationError: there is no such level.
    """
    name = level.upper() if isinstance(level, str) else ""
    if name not in _LEVELS:
        known = ", ".join(known.lower() for known in _LEVELS)
        raise ValidationError(f"unknown log level {level!r}: use one of {known}")
    return name


def configure_logging(levels: Mapping[str, str], stream: TextIO | None = None) -> None:
    """Send all log lines to one stream and set the levels of the named loggers.

    Everything that is not named logs warnings and worse, unless the levels say otherwise. Calling
    it again replaces the handler; levels set before stay.

    Args:
        levels: logger name to level name; the empty name is everything that is not named.
        stream: where lines go; standard error when None.
    """
    handler = _handler(sys.stderr if stream is None else stream)
    handler.set_name("wca")
    root = logging.getLogger()
    for old in [old for old in root.handlers if old.get_name() == "wca"]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for module, level in levels.items():
        logging.getLogger(module).setLevel(level)


def _handler(out: TextIO | None) -> logging.Handler:
    if out is None:  # a program whose standard error is closed has none
        return logging.NullHandler()
    handler = logging.StreamHandler(out)
    handler.setFormatter(_ColourFormatter(_FORMAT) if out.isatty() else _Formatter(_FORMAT))
    return handler


class _Formatter(logging.Formatter):
    """One line per message: the name of a task may hold anything."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = record.message.replace("\r", "\\r").replace("\n", "\\n")
        return super().formatMessage(record)


class _ColourFormatter(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        colour = _COLOURS.get(record.levelname, 0)
        return f"\x1b[{colour}m{super().format(record)}\x1b[0m"


class LogLevels:
    """What a configuration says, then the command line, then somebody who wants to see more.

    Args:
        given: by the command line, module to level; these stay whatever a configuration says.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = dict(given)
        self._configured: Mapping[str, str] = {}
        #: Whether there are lines for whoever looks for a defect, whatever was said otherwise.
        self.more = False
        self._levels = self._wanted()
        configure_logging(self._levels)

    def use(self, configured: Mapping[str, str]) -> None:
        """Take those of a configuration, module to level; those of the one before are over."""
        self._configured = dict(configured)
        self._apply()

    def show_more(self, *, more: bool) -> None:
        """Log all that is there, or not any more."""
        self.more = more
        self._apply()

    def _wanted(self) -> dict[str, str]:
        levels = {**DEFAULT_LEVELS, **self._configured, **self._given}
        if not self.more:
            return levels
        theirs = {name: levels[name] for name in levels if name.split(".")[0] != DEFAULT_MODULE}
        return {**theirs, DEFAULT_MODULE: "DEBUG"}

    def _apply(self) -> None:
        before, self._levels = self._levels, self._wanted()
        for name in before.keys() - self._levels.keys():
            logging.getLogger(name).setLevel(logging.NOTSET if name else logging.WARNING)
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)


class LogCounter(logging.Handler):
    """Counts warnings and errors by logger name, for ``wca_warning_count`` and ``wca_error_count``.

    Use it as a context manager: it listens to every logger in between.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.warnings: dict[str, int] = {}
        self.errors: dict[str, int] = {}
        self._counts_lock = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """Count one record: CRITICAL is an error too."""
        counts = self.errors if record.levelno >= logging.ERROR else self.warnings
        with self._counts_lock:
            counts[record.name] = counts.get(record.name, 0) + 1

    def __enter__(self) -> "LogCounter":
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)
