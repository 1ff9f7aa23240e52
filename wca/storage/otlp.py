"""Metrics to an OpenTelemetry Collector, and to all that understand OTLP over HTTP."""

import socket
from typing import Annotated

from wca.clock import Clock
from wca.config.types import Duration, Injected, Numeric, Secret, Url
from wca.metrics.vocabulary import Names
from wca.security import SSL
from wca.storage.delivery.options import DeliveryMode, QueueOptions, SpoolOptions
from wca.storage.delivery.parcel import Outcome, Parcel, Refused, Unavailable
from wca.storage.encoding.protobuf.otlp import OTLPEncoder
from wca.storage.encoding.protobuf.wire import fields
from wca.storage.http_client import (
    Answer,
    Compression,
    HttpAuth,
    HttpTarget,
    gzip_quickly,
    judge,
    refuse_headers,
)
from wca.storage.push import PushStorage
from wca.version import __version__

__all__ = ["OTLPStorage", "judge_export"]

_RETRIED = (429, 502, 503, 504)
_TOO_LARGE = 413
_INT64 = 2**63


class OTLPStorage(PushStorage):
    """Exports metrics by OTLP over HTTP, as protobuf.

    ``store`` puts them into a queue, and a thread of its own sends them and tries again while the
    receiver does not take them. Counters are monotonic sums of cumulative temporality with a start
    time, everything else is a gauge. A series that ends gets a point without a value, and so do all
    of them when the agent stops.

    Args:
        url: where to export, with its path.
        resource_attributes: attributes of the resource, besides ``service.name``,
            ``service.instance.id``, ``service.version``, ``host.name`` and the facts about the
            machine; they win over these.
        timeout: how long one attempt may take, from the connection to the end of the answer.
        max_samples: in one request.
        compression: of requests.
        headers: further headers of each request.
        auth: ``username`` and ``password``, or ``token``, or ``token_file``, which is read anew for
            each request.
        ssl: how a server with an ``https`` address is verified; by default by this machine's
            certificate authorities.
        proxy: address of a proxy; none is taken from environment variables.
        delivery: ``queued``; ``blocking``: ``store`` sends and waits for the answer.
        queue: bounds of the queue.
        spool: a file in which requests wait instead of memory.
        names: which names metrics get.
        task_labels: labels of tasks that are kept, where ``names`` leaves out some.
        host: name of this machine.
        clock: time.

    Raises:
        ValidationError: an address, a header or ``auth`` cannot be used.
    """

    def __init__(
        self,
        url: Annotated[str, Url(is_path_obligatory=True)] = "http://127.0.0.1:4318/v1/metrics",
        resource_attributes: dict[str, str] | None = None,
        timeout: Annotated[float, Duration(0.01, 300)] = 10.0,
        max_samples: Annotated[int, Numeric(1, 100_000)] = 5000,
        compression: Compression = Compression.GZIP,
        headers: dict[str, Annotated[str, Secret()]] | None = None,
        auth: HttpAuth | None = None,
        ssl: SSL | None = None,
        proxy: Annotated[str, Url(), Secret()] | None = None,
        delivery: DeliveryMode = DeliveryMode.QUEUED,
        queue: QueueOptions | None = None,
        spool: SpoolOptions | None = None,
        names: Names = Names.PROMETHEUS,
        task_labels: list[str] | None = None,
        *,
        host: Annotated[str | None, Injected()] = None,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        refuse_headers(headers or {}, ("content-encoding", "content-type"))
        self.url = url
        self.compression = Compression(compression)
        target = HttpTarget(
            url,
            headers={**(headers or {}), "Content-Type": "application/x-protobuf"},
            auth=auth,
            ssl=ssl,
            proxy=proxy,
            judge=judge_export,
            clock=clock,
        )
        encoder = OTLPEncoder(
            _identity(host or socket.gethostname()),
            resource_attributes or {},
            max_samples,
            compress=gzip_quickly if self.compression is Compression.GZIP else bytes,
        )
        super().__init__(
            target,
            encoder,
            name="OTLPStorage",
            timeout=timeout,
            delivery=delivery,
            queue=queue,
            spool=spool,
            names=names,
            task_labels=task_labels,
            kind="OTLP metrics",
            clock=clock,
        )


def judge_export(parcel: Parcel, answer: Answer) -> Outcome:
    """What becomes of a request: 429, 502, 503 and 504 are retried, other 4xx and 5xx never.

    Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response.
    """
    status = answer.status
    if 200 <= status < 300:
        return _partial(answer)
    if status in _RETRIED:
        return Unavailable(str(answer), answer.retry_after)
    if status >= 400:
        return Refused(str(answer), label="too_large" if status == _TOO_LARGE else "refused")
    return judge(parcel, answer)


def _partial(answer: Answer) -> Refused | None:
    """What a receiver has not taken of a request that it has answered with success."""
    try:
        success = dict(fields(answer.body)).get(1, b"")
        partial = dict(fields(success)) if isinstance(success, bytes) else {}
    except ValueError:  # no message of this protocol: the status stands
        return None
    rejected, message = partial.get(1, 0), partial.get(2, b"")
    if not isinstance(rejected, int) or not 0 < rejected < _INT64:
        return None
    said = answer.quoted(message) if isinstance(message, bytes) else ""
    return Refused(f"{answer.place} has not taken {rejected} data points: {said}", rejected)


def _identity(host: str) -> dict[str, str]:
    return {
        "service.name": "wca",
        "service.version": __version__,
        "service.instance.id": host,
        "host.name": host,
    }
