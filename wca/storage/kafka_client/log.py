"""What kafka-python says while it works for one target."""

import logging
import re
import threading

__all__ = ["Complaints"]

#: All of kafka-python logs below it.
_LOGGER = logging.getLogger("kafka")
#: Lines that say that something failed and not why.
_EMPTY = ("Bootstrap", "Did you attempt")
#: What stands before a reason: which object of kafka-python's has met it.
_LEADING = re.compile(r"^<[^>]*(?:<-[^>]*)?> ?: |^<.*?>: ")


class Complaints(logging.Handler):
    """Keeps kafka-python's warnings out of the log and the last one at hand.

    With a broker away, kafka-python writes several lines a second, which say why but not whose
    connection it is; the storage writes one sentence when its state changes, and the last warning
    of its own threads is the reason in it. Whoever sets a level for the logger ``kafka``
    (``--log kafka:debug``) wants the lines, and gets them.

    Between ``listen`` and ``forget`` of any of these, the logger does not pass lines on to the root
    logger; nothing else of it is changed.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._threads: frozenset[int] = frozenset()
        self._last: str | None = None

    def listen(self) -> None:
        """Begin; the thread that calls it is the first one to be heard. Safe twice."""
        self._last = None
        self._threads = frozenset([threading.get_ident()])
        _LOGGER.addHandler(self)
        if _LOGGER.level == logging.NOTSET:
            _LOGGER.propagate = False

    def hear(self, thread: int | None) -> None:
        """Listen to one more thread."""
        if thread is not None:
            self._threads |= {thread}

    def forget(self) -> None:
        """End; the logger is left as it was found, once nobody listens any more. Safe twice."""
        _LOGGER.removeHandler(self)
        if not any(isinstance(handler, Complaints) for handler in _LOGGER.handlers):
            _LOGGER.propagate = True

    def last(self) -> str | None:
        """The last warning since ``listen``; None: there was none."""
        return self._last

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record of our threads."""
        if record.thread in self._threads and not str(record.msg).startswith(_EMPTY):
            self._last = _LEADING.sub("", record.getMessage())
