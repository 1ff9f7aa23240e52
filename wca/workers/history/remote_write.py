"""A history that only sends: to Prometheus, and to all that understand its remote write."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from wca.config.types import Duration, Secret, Url
from wca.errors import FailedDeliveryException
from wca.metrics import CATALOGUE, Metric
from wca.security import SSL
from wca.storage.delivery.options import QueueOptions, SpoolOptions
from wca.storage.http_client import HttpAuth
from wca.storage.remote_write import RemoteWriteStorage
from wca.workers.api import History
from wca.workers.connections.failures import shown
from wca.workers.history.points import point_of
from wca.workers.model import HistoryPoint, Sample, Worker

__all__ = ["RemoteWriteHistory"]

_READING = "wca_worker_sample_reading"
_STATE = "wca_worker_sample_state"


class RemoteWriteHistory(History):
    """Writes what was found of workers to Prometheus by its remote write; nothing can be asked.

    Samples wait in a queue and are tried again while Prometheus does not take them.

    Args:
        url: where to write.
        timeout: how long one attempt may take.
        headers: further headers of each request.
        auth: as that of RemoteWriteStorage.
        ssl: how a server with an ``https`` address is verified.
        queue: bounds of the queue.
        spool: a file in which requests wait instead of memory.

    Raises:
        ValidationError: an address, a header, ``auth`` or the order cannot be used.
    """

    def __init__(
        self,
        url: Annotated[str, Url()] = "http://127.0.0.1:9090/api/v1/write",
        timeout: Annotated[float, Duration(0.01, 300)] = 30.0,
        headers: dict[str, Annotated[str, Secret()]] | None = None,
        auth: HttpAuth | None = None,
        ssl: SSL | None = None,
        queue: QueueOptions | None = None,
        spool: SpoolOptions | None = None,
    ) -> None:
        self.storage = RemoteWriteStorage(
            url, timeout=timeout, headers=headers, auth=auth, ssl=ssl, queue=queue, spool=spool
        )

    def check(self) -> list[str]:
        """What would keep the spool from being used on this machine."""
        return self.storage.check()

    def start(self) -> None:
        """Begin to send.

        Raises:
            StartError: the spool cannot be used.
        """
        self.storage.start()

    def append(self, samples: Sequence[Sample]) -> None:
        """Queue the samples of a shard."""
        try:
            self.storage.store([metric for sample in samples for metric in _metrics(sample)])
        except FailedDeliveryException as error:
            place = shown(self.storage.url)
            raise OSError(f"RemoteWriteHistory cannot write to {place}: {error}") from None

    def query(self, worker_id: str, since: float, until: float) -> Sequence[HistoryPoint]:
        """Nothing: Prometheus is asked where it is."""
        del worker_id, since, until
        return []

    def close(self, timeout: float = 5.0) -> None:
        """Send what waits, for at most ``timeout`` seconds.

        Args:
            timeout: seconds.
        """
        self.storage.close(timeout)


def _metrics(sample: Sample) -> Iterator[Metric]:
    point, labels = point_of(sample), _labels(sample.worker)
    yield _metric(_STATE, 1.0, {**labels, "state": str(point.state)}, point.at)
    for name, value in point.values.items():
        yield _metric(_READING, value, {**labels, "reading": name}, point.at)


def _labels(worker: Worker) -> dict[str, str]:
    return {
        "worker_id": worker.id,
        "worker_name": worker.title,
        "account": worker.account,
        "region": worker.region,
        "instance_id": worker.instance_id,
    }


def _metric(name: str, value: float, labels: Mapping[str, str], at: float) -> Metric:
    entry = CATALOGUE[name]
    return Metric(
        name,
        value,
        dict(labels),
        entry.type,
        entry.help,
        unit=entry.unit,
        granularity=entry.granularity,
        timestamp=at,
    )
