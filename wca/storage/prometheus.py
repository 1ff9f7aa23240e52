"""``PrometheusStorage``: the last measurement, for Prometheus to fetch."""

import logging
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from wca.clock import Clock, SystemClock
from wca.config.types import Constraint, Duration, Injected, LabelName
from wca.config.words import describe
from wca.errors import ValidationError
from wca.http.api import Request, Response, Route
from wca.metrics import Metric
from wca.metrics.vocabulary import Names, Vocabulary
from wca.storage.api import Storage
from wca.storage.encoding import Encoded, Encoder
from wca.storage.encoding.negotiation import Format, choose_offer
from wca.storage.encoding.openmetrics import OpenMetricsEncoder, openmetrics_chunks
from wca.storage.encoding.prometheus import in_one_piece
from wca.storage.rejections import Rejections
from wca.storage.weight import Weight

__all__ = ["PagePath", "PrometheusStorage"]

log = logging.getLogger(__name__)

#: Three times the longest interval a runner can have.
_MAX_AGE = 180.0
#: What a server of pages imports when it starts.
_LOADS = ("wca.http.connection", "wca.http.listener")


@dataclass(frozen=True)
class PagePath(Constraint):
    """The path of a page on the agent's HTTP server."""

    base = str

    def check(self, value: Any) -> None:
        """Refuse what is no path, or could not be asked for as it is written."""
        if not isinstance(value, str) or not re.fullmatch(r"/[A-Za-z0-9._~/-]{1,200}", value):
            raise ValidationError(f"expected {self.expected()}, got {describe(value)}")

    def expected(self) -> str:
        """A sentence part for messages and documents."""
        return "a path such as /metrics (letters, digits and . _ ~ / -)"


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The metrics of one interval.

    Args:
        metrics: nobody changes them.
        taken: monotonic time at which they came.
    """

    metrics: Sequence[Metric]
    taken: float


class PrometheusStorage(Storage):
    """Shows the last complete measurement on the agent's HTTP server, for Prometheus to fetch.

    Nothing is measured or written out when metrics come, and nothing waits: the text is made when
    somebody asks for it, once for each measurement. It has no timestamps. The series of a task
    that is gone are gone with the next measurement. A series that Prometheus would refuse is left
    out, logged once and counted in ``rejected``.

    Args:
        names: ``prometheus``: base units, ``_total`` on counters, no facts of the machine on every
            series; ``cadvisor``: as cAdvisor calls them, where it has the same; ``wca``.
        path: of the page.
        task_labels: labels of tasks to show instead of the usual ones, see docs/names.md.
        max_age: how old a measurement may be; an older one, of an agent that measures no more, is
            not shown as if it were new: the scrape fails.
        clock: for tests: time.

    Raises:
        ValidationError: ``task_labels`` with names that keep all labels.
    """

    blocking = False
    takes_batches = True

    def __init__(
        self,
        names: Names = Names.PROMETHEUS,
        path: Annotated[str, PagePath()] = "/metrics",
        task_labels: list[Annotated[str, LabelName()]] | None = None,
        max_age: Annotated[float, Duration(1, None)] = _MAX_AGE,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        self.names = Names(names)
        self.path = path
        self.task_labels = task_labels
        self.max_age = max_age
        #: Samples left out since start, as far as anybody has asked for them.
        self.rejected = 0
        self._clock = clock or SystemClock()
        self._pages = _Pages(Vocabulary(names, task_labels), f"PrometheusStorage at {path}")
        self._snapshot: _Snapshot | None = None

    def store(self, metrics: Sequence[Metric]) -> None:
        """Take the place of the measurement before."""
        # One assignment: a scrape sees either measurement, and the loop never waits for a scrape.
        self._snapshot = _Snapshot(metrics, self._clock.monotonic())
        # Here, so that the samples are counted while the loop counts those of this storage; no more
        # of them than it counts now, the rest with the next measurement.
        self.rejected = min(self._pages.rejected, self.rejected + len(metrics))

    def weigh(self, metrics: Sequence[Metric]) -> Weight:
        """How much one page would be, as text; it is not shown."""
        page = self._pages.body(_Snapshot(metrics, self._clock.monotonic()), Format.TEXT)
        samples = sum(line[:1] not in (b"", b"#") for line in page.splitlines())
        return Weight(samples, len(page), f"page {self.path}", fetched=True, loads=_LOADS)

    def close(self, timeout: float = 5.0) -> None:  # noqa: ARG002 - the contract's parameter
        """Show nothing any more."""
        self._snapshot = None

    def routes(self) -> Sequence[Route]:
        """The page."""
        return [Route(self.path, self._respond, "Metrics")]

    def _respond(self, request: Request) -> Response:
        snapshot = self._snapshot
        if snapshot is None:
            return Response(b"nothing has been measured yet\n", status=503)
        age = self._clock.monotonic() - snapshot.taken
        if age > self.max_age:
            sentence = f"the last measurement is {age:.0f} s old; the agent's log may say why\n"
            return Response(sentence.encode(), status=503)
        offer, content_type = choose_offer(request.accepted("accept"))
        return Response(self._pages.body(snapshot, offer.format), content_type)


class _Pages:
    """The texts of the last measurement somebody has asked for; used by several threads.

    Args:
        vocabulary: names the metrics.
        name: what to call the storage in the log.
    """

    def __init__(self, vocabulary: Vocabulary, name: str) -> None:
        self._vocabulary = vocabulary
        self._rejections = Rejections(name, log)
        self._text = Encoder()
        self._openmetrics = OpenMetricsEncoder()
        self._lock = threading.Lock()
        self._snapshot: _Snapshot | None = None
        self._translated: Sequence[Metric] = ()
        self._bodies: dict[Format, bytes] = {}

    @property
    def rejected(self) -> int:
        """Samples left out since start."""
        return self._rejections.count

    def body(self, snapshot: _Snapshot, format_: Format) -> bytes:
        """The text of a measurement; made once."""
        with self._lock:
            if snapshot is not self._snapshot:
                self._translated = self._vocabulary.translate(snapshot.metrics)
                self._snapshot, self._bodies = snapshot, {}
            if format_ not in self._bodies:
                self._bodies[format_] = self._write(format_)
            return self._bodies[format_]

    def _write(self, format_: Format) -> bytes:
        encoded: Encoded
        if format_ is Format.OPENMETRICS:
            encoded = self._openmetrics.encode(self._translated)
            chunks = openmetrics_chunks(encoded)
        else:
            encoded = self._text.encode(self._translated)
            chunks = encoded.chunks()
        if not self._bodies:  # in the other format it would be the same samples again
            self._rejections.add(encoded.rejected)
        return in_one_piece(chunks)
