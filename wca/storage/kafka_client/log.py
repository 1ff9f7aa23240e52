"""What kafka-python says while it works for one target."""

import logging
import re
import threading
from collections.abc import Collection, Iterator
from typing import Any

from wca.config.secrets import MASK

__all__ = ["Complaints"]

#: All of kafka-python logs below it.
_LOGGER = logging.getLogger("kafka")
#: Lines that say that something failed and not why.
_EMPTY = ("Bootstrap", "Did you attempt")
#: What stands before a reason: which object of kafka-python's has met it.
_LEADING = re.compile(r"^<[^>]*(?:<-[^>]*)?> ?: |^<.*?>: ")
_SHORTEST = 4
_FORMATTER = logging.Formatter()
#: Classes of kafka-python that hold passwords, or the messages themselves.
_PRIVATE = re.compile(r"(Sasl|Produce)\w*(Request|Response)|ProducerBatch|FutureRecordMetadata")


class Complaints(logging.Handler):
    """Keeps kafka-python's warnings out of the log and the last one at hand.

    With a broker away, kafka-python writes several lines a second, which say why but not whose
    connection it is; the storage writes one sentence when its state changes, and the last warning
    of its own threads is the reason in it. Whoever sets a level for the logger ``kafka``
    (``--log kafka:debug``) wants the lines, and gets them, without what is in messages and in the
    exchange of passwords.

    Between ``listen`` and ``forget`` of any of these, the logger does not pass lines on to the root
    logger, and all loggers below it leave that out; nothing else of them is changed.

    Args:
        hidden: texts that no line may hold.
    """

    def __init__(self, hidden: Collection[str] = ()) -> None:
        super().__init__(logging.WARNING)
        self._threads: frozenset[int] = frozenset()
        self._last: str | None = None
        self._discretion = _Discretion(hidden)

    def listen(self) -> None:
        """Begin; the thread that calls it is the first one to be heard. Safe twice.

        To be called when kafka-python was imported: only its loggers that are there by then leave
        out what they should.
        """
        self._last = None
        self._threads = frozenset([threading.get_ident()])
        _LOGGER.addHandler(self)
        for logger in _loggers():
            logger.addFilter(self._discretion)
        if _LOGGER.level == logging.NOTSET:
            _LOGGER.propagate = False

    def hear(self, thread: int | None) -> None:
        """Listen to one more thread."""
        if thread is not None:
            self._threads |= {thread}

    def forget(self) -> None:
        """End; the logger is left as it was found, once nobody listens any more. Safe twice."""
        _LOGGER.removeHandler(self)
        for logger in _loggers():
            logger.removeFilter(self._discretion)
        if not any(isinstance(handler, Complaints) for handler in _LOGGER.handlers):
            _LOGGER.propagate = True

    def last(self) -> str | None:
        """The last warning since ``listen`` or ``clear``; None: there was none."""
        return self._last

    def clear(self) -> None:
        """Forget the last warning."""
        self._last = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record of our threads."""
        if record.thread in self._threads and not str(record.msg).startswith(_EMPTY):
            self._last = _LEADING.sub("", record.getMessage())


class _Discretion(logging.Filter):
    """Takes out of kafka-python's lines what nobody but the broker is to know.

    At level debug they hold each request as an object, the one with the password too, and as the
    bytes that go over the network.

    Args:
        hidden: texts that no line may hold, wherever they come from.
    """

    def __init__(self, hidden: Collection[str]) -> None:
        super().__init__()
        self._hidden = sorted(set(_forms(hidden)), key=len, reverse=True)

    def filter(self, record: logging.LogRecord) -> bool:
        """Change a record; none is left out."""
        try:
            record.args = _shown(record.args)
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - a line that cannot be written must not break the sending
            text = str(record.msg)
        record.msg, record.args = self._masked(text), ()
        if record.exc_info:
            record.exc_text = self._masked(_FORMATTER.formatException(record.exc_info))
        return True

    def _masked(self, text: str) -> str:
        for one in self._hidden:
            text = text.replace(one, MASK)
        return text


def _loggers() -> Iterator[logging.Logger]:
    """All loggers of kafka-python; a filter of one does not hold for those below it."""
    yield _LOGGER
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if name.startswith("kafka.") and isinstance(logger, logging.Logger):
            yield logger


def _forms(hidden: Collection[str]) -> Iterator[str]:
    """Texts as they stand in lines: as they are, and as Python writes them and their bytes.

    Shorter ones would be found in every other word; they are taken out with what they are part of.
    """
    for text in (one for one in hidden if len(one) >= _SHORTEST):
        yield from (text, repr(text)[1:-1], repr(text.encode(errors="replace"))[2:-1])


def _shown(value: Any) -> Any:
    """A value of a line, with what is private replaced by what kind of thing it is."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value)} bytes>"
    if isinstance(value, (tuple, list, set, frozenset)):
        shown = [_shown(one) for one in value]
        return tuple(shown) if isinstance(value, tuple) else shown
    if isinstance(value, dict):
        return {key: _shown(one) for key, one in value.items()}
    name = type(value).__name__
    return f"<{name}>" if _PRIVATE.fullmatch(name) else value
