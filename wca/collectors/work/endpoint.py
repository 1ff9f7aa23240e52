"""``WorkEndpoint``: a task tells its work on a page of its own, for Prometheus."""

from collections.abc import Callable
from typing import Annotated

from wca.clock import Clock, SystemClock
from wca.collectors.api import Probe
from wca.collectors.work.api import WorkSource, known_of
from wca.collectors.work.rounds import Rounds
from wca.collectors.work.templates import UrlTemplate, fill_url
from wca.collectors.work.text import find_series
from wca.collectors.work.wanted import Reckoning, SeriesName, Wanted
from wca.config.types import Duration, Injected, LabelName, Numeric, Size
from wca.errors import WcaError
from wca.http_client.service import HttpService
from wca.http_client.words import shown_url
from wca.linux.parse import Malformed
from wca.metrics import Measurements
from wca.nodes.api import Task
from wca.security import SSL

__all__ = ["ACCEPT", "WorkEndpoint"]

#: Both formats are understood; the older one is shorter.
ACCEPT = "text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0;q=0.5, */*;q=0.1"

_Patterns = dict[Annotated[str, LabelName()], str]
_TIMEOUT, _SIZE, _AT_ONCE = Duration(0.01, 60), Size(1024, 256 << 20), Numeric(1, 64)


class WorkEndpoint(WorkSource):
    """A page of Prometheus text per task, such as the one that its Prometheus fetches.

    The series of a counter are added up, so that a task with several processes or routes has one
    number; a histogram's is ``NAME_count``. Of an indicator with several series the greatest
    counts. A series that is there twice, or whose value is not finite or is negative, makes the
    number absent. The pages of all tasks are fetched at the same time; an address that does not
    answer is left alone for 1, 3, 7, ... readings.

    The address follows from labels: who may set them on a task decides where the agent asks. It
    sends nothing secret and follows no redirection; of an error the first words are logged.

    Source: the text formats of Prometheus and OpenMetrics, over HTTP.

    Args:
        url: with labels of the task: ``http://{pod_ip}:9100/metrics``.
        work: name of the counter of units of work, as ``http_requests_total``.
        work_labels: which of its series: regular expressions by label; all when left out.
        sli: name of the metric that says how well the task does, such as a latency.
        sli_labels: which of its series.
        slo: what ``sli`` has to be at most: a number, or the name of a metric; when left out,
            ``sli`` is divided by it already.
        labels: which tasks have such a page: regular expressions by label; all when left out.
        timeout: for one page, connection included.
        most_bytes: the longest page that is read.
        at_once: pages that are fetched at the same time.
        ssl: for https.
        clock: for tests: time.

    Raises:
        ValidationError: the address is no template, or the fields do not fit together.
    """

    def __init__(
        self,
        url: Annotated[str, UrlTemplate()],
        work: Annotated[str, SeriesName()] | None = None,
        work_labels: _Patterns | None = None,
        sli: Annotated[str, SeriesName()] | None = None,
        sli_labels: _Patterns | None = None,
        slo: float | str | None = None,
        labels: _Patterns | None = None,
        timeout: Annotated[float, _TIMEOUT] = 0.5,
        most_bytes: Annotated[int, _SIZE] = 8 << 20,
        at_once: Annotated[int, _AT_ONCE] = 8,
        ssl: SSL | None = None,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        super().__init__(labels)
        UrlTemplate().check(url)
        self.url = url
        self.wanted = Wanted(work, work_labels, sli, sli_labels, slo)
        self.timeout = timeout
        self.most_bytes = most_bytes
        self._ssl = ssl
        self._clock = SystemClock() if clock is None else clock
        self._rounds = Rounds(at_once, self._clock.monotonic)

    def attach(self, task: Task) -> Probe:
        """Find out the address; nothing needs to answer there yet. Raises NotAvailable."""
        url = fill_url(self.url, known_of(task))
        service = HttpService(self.timeout, ACCEPT, self._ssl, most_bytes=self.most_bytes)
        return _EndpointProbe(url, service, self._rounds, self.wanted)

    def close(self, timeout: float) -> None:
        """Let the threads end.

        Args:
            timeout: seconds; what still waits for an answer ends by itself.
        """
        del timeout
        self._rounds.close()


class _EndpointProbe:
    def __init__(self, url: str, service: HttpService, rounds: Rounds, wanted: Wanted) -> None:
        self._url = url
        self._service = service
        self._rounds = rounds
        self._wanted = wanted
        self._reckoning = Reckoning(wanted)
        get: Callable[[], bytes] = lambda: service.ask("GET", url)  # noqa: E731 - its type
        self._fetch = rounds.add(get)

    def read(self, out: Measurements) -> None:
        page = self._rounds.page(self._fetch)
        try:
            series = find_series(page, self._wanted.names)
        except Malformed as error:
            raise WcaError(f"{shown_url(self._url)}: {error}") from None
        finally:
            self._rounds.used()
        self._reckoning.take(series, out)

    def close(self) -> None:
        self._rounds.remove(self._fetch)
        self._service.close()
