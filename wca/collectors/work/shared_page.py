"""``WorkSharedPage``: one page tells the work of many tasks, by a label of its series."""

import os
from collections.abc import Callable, Sequence
from typing import Annotated, Protocol

from wca.clock import Clock, SystemClock
from wca.collectors.api import Probe
from wca.collectors.work.api import WorkSource, known_of
from wca.collectors.work.endpoint import ACCEPT
from wca.collectors.work.kept_file import KeptFile
from wca.collectors.work.text import Series, find_series
from wca.collectors.work.wanted import Reckoning, SeriesName, Wanted
from wca.config.types import Duration, Injected, LabelName, Path, Size, Url
from wca.errors import NotAvailable, ValidationError, WcaError
from wca.http_client.service import HttpService
from wca.linux.parse import Malformed
from wca.metrics import Measurements
from wca.nodes.api import Task
from wca.security import SSL

__all__ = ["WorkSharedPage"]

_Patterns = dict[Annotated[str, LabelName()], str]
_TIMEOUT, _SIZE, _AGE = Duration(0.01, 60), Size(1024, 256 << 20), Duration(0.1, 86_400)
#: Seconds for which a page that was read for another task is one of now.
_FRESH = 0.25


class WorkSharedPage(WorkSource):
    """A file of Prometheus text, or one address, whose series say by a label whose they are.

    Such a file is what ``wca wrap --output FILE --label app=shop -- PROGRAM`` writes, and what
    programs write for the textfile collector of node_exporter. A series belongs to every task whose
    label has the value of the series' label. Numbers are taken as by WorkEndpoint. A file that was
    not written for ``max_age`` says nothing: who wrote it is not there any more.

    Source: the text formats of Prometheus and OpenMetrics.

    Args:
        path: of the file; a symbolic link in its place is not followed.
        url: of the page, instead of a file.
        series_label: label of the series that tells whose they are.
        task_label: label of the task that has the same value; ``task_name`` and ``task_id`` are
            always there. The same as series_label when left out.
        work: name of the counter of units of work.
        work_labels: which of its series: regular expressions by label; all when left out.
        sli: name of the metric that says how well the task does; ``sli_normalized`` of wca wrap.
        sli_labels: which of its series.
        slo: what ``sli`` has to be at most: a number, or the name of a metric; when left out,
            ``sli`` is divided by it already.
        labels: which tasks the page is for: regular expressions by label; all when left out.
        max_age: of the file.
        timeout: for the page, connection included.
        most_bytes: the longest page that is read.
        ssl: for https.
        clock: for tests: time.

    Raises:
        ValidationError: there is neither path nor url, or the fields do not fit together.
    """

    def __init__(
        self,
        series_label: Annotated[str, LabelName()],
        path: Annotated[str, Path(absolute=True)] | None = None,
        url: Annotated[str, Url()] | None = None,
        task_label: Annotated[str, LabelName()] | None = None,
        work: Annotated[str, SeriesName()] | None = None,
        work_labels: _Patterns | None = None,
        sli: Annotated[str, SeriesName()] | None = None,
        sli_labels: _Patterns | None = None,
        slo: float | str | None = None,
        labels: _Patterns | None = None,
        max_age: Annotated[float, _AGE] = 60.0,
        timeout: Annotated[float, _TIMEOUT] = 0.5,
        most_bytes: Annotated[int, _SIZE] = 8 << 20,
        ssl: SSL | None = None,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        super().__init__(labels)
        self.wanted = Wanted(work, work_labels, sli, sli_labels, slo)
        self.task_label = task_label or series_label
        clock = SystemClock() if clock is None else clock
        if path is not None and url is None:
            text: _Text = _FileText(path, most_bytes, max_age, clock)
        elif url is not None and path is None:
            text = _WebText(url, HttpService(timeout, ACCEPT, ssl, most_bytes=most_bytes))
        else:
            what = "neither path nor url" if path is None else "both path and url"
            raise ValidationError(f"there is {what}: write one of them")
        self._page = _Page(text, self.wanted.names, series_label, clock.monotonic)

    def attach(self, task: Task) -> Probe:
        """Look for the label of the task. Raises NotAvailable where it has none."""
        value = known_of(task).get(self.task_label)
        if not value:
            raise NotAvailable(f"the task has no label {self.task_label}")
        return _SharedProbe(value, self._page, self.wanted)

    def close(self, timeout: float) -> None:
        """Close the file or the connection.

        Args:
            timeout: seconds; nothing waits.
        """
        del timeout
        self._page.close()


class _SharedProbe:
    def __init__(self, value: str, page: "_Page", wanted: Wanted) -> None:
        self._value = value
        self._page = page
        self._reckoning = Reckoning(wanted)

    def read(self, out: Measurements) -> None:
        self._reckoning.take(self._page.series_of(self, self._value), out)

    def close(self) -> None:
        self._page.forget(self)


class _Page:
    """The series of the page of now, by the value of their label: read once for all tasks.

    Args:
        text: where it is.
        names: of the metrics that are needed.
        label: that tells whose a series is.
        monotonic: time in seconds.
    """

    def __init__(
        self, text: "_Text", names: Sequence[str], label: str, monotonic: Callable[[], float]
    ) -> None:
        self._text = text
        self._names = names
        self._label = label
        self._monotonic = monotonic
        self._read_at: float | None = None
        self._taken: set[object] = set()
        self._last = b""
        self._series: dict[str, list[Series]] = {}
        self._failure = ""

    def series_of(self, asking: object, value: str) -> list[Series]:
        """Those of one task.

        Args:
            asking: who; who asks again gets the series of a new reading.
            value: of the label.

        Raises:
            WcaError: the page cannot be read; to all that ask for this reading.
        """
        now = self._monotonic()
        if self._read_at is None or asking in self._taken or now - self._read_at > _FRESH:
            self._taken.clear()
            self._read()
            self._read_at = self._monotonic()
        self._taken.add(asking)
        if self._failure:
            raise WcaError(self._failure)
        return self._series.get(value, [])

    def forget(self, asking: object) -> None:
        """This one asks no more; safe twice."""
        self._taken.discard(asking)

    def close(self) -> None:
        """Close what is open; safe twice."""
        self._text.close()

    def _read(self) -> None:
        self._failure = ""
        try:
            page = self._text.read()
            if page != self._last:
                self._series = self._by_label(page)
            self._last = page
        except Malformed as error:
            self._failure, self._last = f"{self._text.name}: {error}", b""
        except WcaError as error:
            self._failure = str(error)

    def _by_label(self, page: bytes) -> dict[str, list[Series]]:
        found: dict[str, list[Series]] = {}
        for one in find_series(page, self._names):
            found.setdefault(one.labels.get(self._label, ""), []).append(one)
        return found


class _Text(Protocol):
    """Where a page is."""

    name: str

    def read(self) -> bytes:
        """The page; empty: there is none now. Raises WcaError."""

    def close(self) -> None:
        """Safe twice."""


class _FileText:
    def __init__(self, path: str, most_bytes: int, max_age: float, clock: Clock) -> None:
        self.name = path
        self._file = KeptFile(os.path.dirname(path), [os.path.basename(path)], most_bytes + 1)
        self._most = most_bytes
        self._max_age = max_age
        self._clock = clock

    def read(self) -> bytes:
        page = self._file.read()
        if page is None or self._clock.now() - self._file.modified() > self._max_age:
            return b""
        if len(page) > self._most:
            raise WcaError(f"{self.name} has more than {self._most} bytes")
        return page

    def close(self) -> None:
        self._file.close()


class _WebText:
    def __init__(self, url: str, service: HttpService) -> None:
        self.name = url
        self._service = service

    def read(self) -> bytes:
        return self._service.ask("GET", self.name)

    def close(self) -> None:
        self._service.close()
