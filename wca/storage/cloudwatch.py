"""Metrics to Amazon CloudWatch."""

import functools
import importlib.util
import logging
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from wca.clock import Clock
from wca.config.types import Duration, Injected, LabelName, Numeric, Str, Url
from wca.metrics import Metric
from wca.storage.cloudwatch_client.client import ClientOptions, make_client
from wca.storage.cloudwatch_client.datum import Datum, MergedInto
from wca.storage.cloudwatch_client.datums import Datums
from wca.storage.cloudwatch_client.limits import check_namespace
from wca.storage.cloudwatch_client.naming import MetricName, naming
from wca.storage.cloudwatch_client.preview import Preview, line_of
from wca.storage.cloudwatch_client.requests import parcels_of
from wca.storage.cloudwatch_client.target import CloudWatchTarget
from wca.storage.cloudwatch_client.unsent import Unsent
from wca.storage.delivery.options import DeliveryMode, QueueOptions, SpoolOptions
from wca.storage.network import Encoding, NetworkStorage

__all__ = ["CloudWatchStorage"]

#: Named for what is emitted, so that ``--log wca.cloudwatch:info`` shows nothing else.
emitted = logging.getLogger("wca.cloudwatch.publisher")

#: Retries of a request where nothing outlasts an outage; then it is skipped.
_RETRIES = 2
_KIND = "CloudWatch metric data"
_NAME = Str(255)


class CloudWatchStorage(NetworkStorage):
    """Publishes metrics to Amazon CloudWatch.

    Every dimension combination of a name is a metric there, and is paid for: only those labels are
    dimensions that ``label_dimensions`` names. Samples of one batch that are one metric there
    become one datum, see ``merged_into``. Of counters the growth between two batches is sent.

    ``store`` puts requests into a queue; a thread sends them, and tries again what CloudWatch was
    too busy for, or could not be reached for. A request whose answer did not come in time may be
    counted twice there: of gauges that changes nothing but SampleCount and Sum. Behind a runner
    with a short interval an AggregatingStorage makes one sample for a minute of many.

    Args:
        namespace: where metrics go; not one of ``AWS/``.
        dimensions: of every metric.
        label_dimensions: labels that become dimensions: their names, or label to dimension.
        metrics: by name of the metric, ``name`` and ``unit`` there, and a ``factor`` of its values.
            Without it the unit is that of the catalogue, where CloudWatch has it.
        statistic_sets: names there of which ``NAME_count``, ``NAME_sum``, ``NAME_min`` and
            ``NAME_max`` of one batch are sent as one statistic set.
        merged_into: what several samples of one metric become: ``statistics``, a statistic set;
            ``values``, their values and how often each came, of which CloudWatch can tell
            percentiles; more than 150 different ones become several data.
        resolution: in seconds: 60, or 1 for high resolution.
        region: of AWS; when left out, what the environment or the AWS files say.
        endpoint_url: instead of that of the region.
        profile: of the AWS files.
        timeout: how long one attempt may take.
        retries: how often a request is tried again; then it is skipped, counted and logged. When
            left out: 2, and with a spool for as long as that keeps it.
        dry_run: print what would be sent, and connect to nothing.
        delivery: ``queued``; ``blocking``: ``store`` sends and waits for the answer.
        queue: bounds of the queue.
        spool: a file in which requests wait instead of memory.
        clock: time.
        given: gives a client in place of boto3's.
        write: takes the lines of a dry run.

    Raises:
        ValidationError: CloudWatch would refuse a name, a unit or a dimension.
    """

    def __init__(
        self,
        namespace: Annotated[str, _NAME],
        dimensions: dict[str, str] | None = None,
        label_dimensions: list[Annotated[str, LabelName()]]
        | dict[Annotated[str, LabelName()], str]
        | None = None,
        metrics: dict[str, MetricName] | None = None,
        statistic_sets: list[Annotated[str, _NAME]] | None = None,
        merged_into: MergedInto = MergedInto.STATISTICS,
        resolution: Literal[1, 60] = 60,
        region: Annotated[str, _NAME] | None = None,
        endpoint_url: Annotated[str, Url()] | None = None,
        profile: Annotated[str, _NAME] | None = None,
        timeout: Annotated[float, Duration(0.1, 300)] = 10.0,
        retries: Annotated[int, Numeric(0, 1000)] | None = None,
        dry_run: bool = False,
        delivery: DeliveryMode = DeliveryMode.QUEUED,
        queue: QueueOptions | None = None,
        spool: SpoolOptions | None = None,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
        given: Annotated[Callable[[], Any] | None, Injected()] = None,
        write: Annotated[Callable[[str], object] | None, Injected()] = None,
    ) -> None:
        check_namespace(namespace)
        self.namespace = namespace
        self.resolution = resolution
        self.dry_run = dry_run
        self._datums = Datums(
            naming(dimensions, label_dimensions, metrics, statistic_sets), MergedInto(merged_into)
        )
        options = ClientOptions(region, endpoint_url, profile, read_timeout=timeout)
        if retries is None and spool is None:
            retries = _RETRIES
        self._unsent = Unsent()
        self._told = spool is None and not dry_run and delivery == DeliveryMode.QUEUED
        #: Samples that were given up because the storage was closed.
        self.lost_at_end = 0
        self._cloudwatch: Preview | CloudWatchTarget = (
            Preview(write or functools.partial(print, flush=True))
            if dry_run
            else CloudWatchTarget(
                given or functools.partial(make_client, options), retries, self._unsent
            )
        )
        super().__init__(
            self._cloudwatch,
            self._requests,
            name="CloudWatchStorage",
            timeout=timeout,
            delivery=delivery,
            queue=queue,
            spool=spool,
            kind=_KIND,
            clock=clock,
        )
        if retries is not None:
            self.ledger.expect("skipped")

    @property
    def unsent(self) -> list[str]:
        """What the newest requests in the queue are about; after ``close`` they are lost.

        What waits in a spool is not in it.
        """
        return self._unsent.subjects()

    def check(self) -> list[str]:
        """What would keep this machine from sending."""
        missing = not self.dry_run and importlib.util.find_spec("boto3") is None
        return [*super().check(), *(["boto3 is missing: install wca[aws]"] if missing else [])]

    def start(self) -> None:
        """Make the client, open the spool and begin to send; waits for no answer.

        Raises:
            StartError: region or credentials are missing, or the spool cannot be used.
        """
        self._cloudwatch.start()
        super().start()

    def close(self, timeout: float = 5.0) -> None:
        """Send what waits, for at most ``timeout`` seconds; see ``lost_at_end`` and ``unsent``."""
        before = self._lost()
        super().close(timeout)
        self.lost_at_end += self._lost() - before

    def _lost(self) -> int:
        """Samples that nobody will publish any more; those that were merged are in others."""
        dropped = self.ledger.account.dropped
        return sum(dropped.values()) - dropped.get("merged", 0)

    def _requests(self, metrics: Sequence[Metric], now: float) -> Encoding:
        datums, rejected = self._datums.of(metrics, now)
        if emitted.isEnabledFor(logging.INFO):
            self._tell(datums)
        parcels = list(parcels_of(self.namespace, datums, self.resolution))
        if self._told:
            self._unsent.add(parcels)
        return Encoding(parcels, rejected)

    def _tell(self, datums: Sequence[Datum]) -> None:
        for datum in datums:
            emitted.info("%s %s", self.namespace, line_of(datum.as_json(self.resolution)))
