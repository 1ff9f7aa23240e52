"""From what a program prints to batches of metrics, on a thread of its own."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from wca.clock import Clock
from wca.errors import PLUGIN_ERRORS
from wca.metrics import Metric
from wca.wrapping.api import Parser
from wca.wrapping.lines import Lines
from wca.wrapping.service_levels import ServiceLevels

__all__ = ["Listener"]

log = logging.getLogger(__name__)

#: Bytes that may wait to be parsed. A program that prints faster is passed on in full, and parts of
#: its output are not looked at: it must not be slowed down. The last part, with the results, is.
MOST_WAITING = 8 << 20

_Series = tuple[str, frozenset[tuple[str, str]]]


class _Stream:
    """One output of the program."""

    def __init__(self, parser: Parser) -> None:
        self.parser = parser
        self.lines = Lines()


class Listener:
    """Parses what it hears and hands over the metrics of a while as one batch.

    A batch begins with the first metric and ends ``interval`` later, so that all lines of a report
    are in one. Of several values of a series it has the last.

    Args:
        parsers: by the name of the stream.
        put: takes a batch.
        interval: seconds.
        levels: what else follows from the metrics of a batch.
        labels: of all metrics.
        prefix: of the names of those that are parsed.
        clock: time.
    """

    def __init__(
        self,
        parsers: Mapping[str, Parser],
        put: Callable[[Sequence[Metric]], None],
        interval: float,
        levels: ServiceLevels,
        labels: Mapping[str, str],
        prefix: str,
        clock: Clock,
    ) -> None:
        self._streams = {name: _Stream(parser) for name, parser in parsers.items()}
        self._put = put
        self._interval = interval
        self._levels = levels
        self._labels = dict(labels)
        self._prefix = prefix
        self._clock = clock
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._bytes = 0
        self._gaps: set[str] = set()  # streams of which something before what waits was lost
        self._changed = threading.Condition()
        self._ended = False
        self._batch: dict[_Series, Metric] = {}
        self._due: float | None = None
        self._said: set[str] = set()
        #: Metrics found, and bytes that were not looked at.
        self.found = self.missed = 0
        self._thread = threading.Thread(target=self._run, name="parser", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def hear(self, stream: str, data: bytes) -> None:
        """Take a chunk of a stream; never waits. What has waited longest makes room."""
        with self._changed:
            self._waiting.append((stream, data))
            self._bytes += len(data)
            while self._bytes > MOST_WAITING:
                name, lost = self._waiting.popleft()
                self._bytes -= len(lost)
                self.missed += len(lost)
                self._gaps.add(name)
            self._changed.notify_all()

    def finish(self, timeout: float) -> None:
        """Parse what waits and hand over the last batch.

        Args:
            timeout: seconds.
        """
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join(timeout)
        cut = sum(stream.lines.cut for stream in self._streams.values())
        if cut:
            log.warning("%d lines were too long: of those only the beginning was parsed", cut)
        if self.missed:
            log.warning("%d bytes came too fast to be parsed; they were passed on", self.missed)

    def _run(self) -> None:
        while (heard := self._next()) is not None:
            for name, data in heard:
                self._listen(self._streams[name], data)
            if self._due is not None and self._clock.monotonic() >= self._due:
                self._hand_over()
        for stream in self._streams.values():
            for line in stream.lines.end():
                self._parse(stream.parser, line)
            self._take(stream.parser.end)
        self._hand_over()

    def _next(self) -> Sequence[tuple[str, bytes]] | None:
        """What has been heard; nothing when a batch is due; None at the end."""
        with self._changed:
            left = None if self._due is None else max(0.0, self._due - self._clock.monotonic())
            self._changed.wait_for(lambda: self._waiting or self._ended, left)
            heard = list(self._waiting)
            self._waiting.clear()
            self._bytes = 0
            for name in self._gaps:
                self._streams[name].lines.skip()
            self._gaps.clear()
            return None if self._ended and not heard else heard

    def _listen(self, stream: _Stream, data: bytes) -> None:
        for line in stream.lines.feed(data):
            self._parse(stream.parser, line)

    def _parse(self, parser: Parser, line: str) -> None:
        self._take(lambda: parser.feed(line))

    def _take(self, parse: Callable[[], Sequence[Metric]]) -> None:
        """Take the metrics that a parser gives; one that fails costs what it was about to give."""
        try:
            for metric in parse():
                self._add(metric)
        except PLUGIN_ERRORS as error:
            words = f"{type(error).__name__}: {error}"
            if words not in self._said and len(self._said) < 10:
                self._said.add(words)
                log.error("the parser fails: %s", words)  # noqa: TRY400 - one sentence
                log.debug("the parser failed", exc_info=error)

    def _add(self, metric: Metric) -> None:
        labels = {**self._labels, **metric.labels}
        name, now = self._prefix + metric.name, self._clock.now()
        self._batch[name, frozenset(labels.items())] = replace(
            metric, name=name, labels=labels, timestamp=now
        )
        self.found += 1
        if self._due is None:
            self._due = self._clock.monotonic() + self._interval

    def _hand_over(self) -> None:
        metrics, self._batch, self._due = list(self._batch.values()), {}, None
        if metrics:
            self._put(metrics + self._levels.of(metrics, self._prefix))
