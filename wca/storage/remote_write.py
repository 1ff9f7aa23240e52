"""Metrics to Prometheus by its remote write, and to all that understand it."""

from typing import Annotated

from wca.clock import Clock
from wca.config.types import Duration, Injected, Numeric, Secret, Url
from wca.errors import ValidationError
from wca.metrics.vocabulary import Names
from wca.security import SSL
from wca.storage.delivery.options import DeliveryMode, Order, QueueOptions, SpoolOptions
from wca.storage.delivery.parcel import Outcome, Parcel, Refused, Unavailable
from wca.storage.encoding.protobuf.remote_write import RemoteWriteEncoder
from wca.storage.http_client import (
    Answer,
    HttpAuth,
    HttpTarget,
    Way,
    judge,
    not_now,
    refuse_headers,
)
from wca.storage.push import PushStorage

__all__ = ["RemoteWriteStorage", "judge_v1", "judge_v2"]

_COMMON = {"Content-Encoding": "snappy"}
_HEADERS = {
    1.0: {
        **_COMMON,
        "Content-Type": "application/x-protobuf",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    },
    2.0: {
        **_COMMON,
        "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        "X-Prometheus-Remote-Write-Version": "2.0.0",
    },
}
_RESERVED = frozenset({name.lower() for name in _HEADERS[1.0]} | {"user-agent"})
_WRITTEN = "x-prometheus-remote-write-samples-written"
_TOO_LARGE, _TOO_MANY = 413, 429


class RemoteWriteStorage(PushStorage):
    """Writes metrics to Prometheus by its remote write.

    ``store`` puts them into a queue, and a thread of its own sends them in their order and tries
    again while the receiver does not take them. A series that ends is marked as such at once, and
    so are all of them when the agent stops. What the receiver refuses (any 4xx but 429) is counted
    as dropped and not sent again.

    Args:
        url: where to write.
        version: of the protocol, ``1.0`` or ``2.0``, which has the type of a metric and the start
            of a counter with each sample, and tells how many samples were taken.
        timeout: how long one attempt may take, from the connection to the end of the answer.
        max_samples: in one request.
        headers: further headers of each request.
        auth: ``username`` and ``password``, or ``token``, or ``token_file``, which is read anew for
            each request.
        ssl: how a server with an ``https`` address is verified; by default by this machine's
            certificate authorities.
        proxy: address of a proxy; none is taken from environment variables.
        delivery: ``queued``; ``blocking``: ``store`` sends and waits for the answer.
        queue: bounds of the queue; its order can only be ``oldest``.
        spool: a file in which requests wait instead of memory.
        names: which names metrics get.
        task_labels: labels of tasks that are kept, where ``names`` leaves out some.
        clock: time.

    Raises:
        ValidationError: an address, the version, a header, ``auth`` or the order cannot be used.
    """

    def __init__(
        self,
        url: Annotated[str, Url()] = "http://127.0.0.1:9090/api/v1/write",
        version: Annotated[float, Numeric(1, 2)] = 1.0,
        timeout: Annotated[float, Duration(0.01, 300)] = 30.0,
        max_samples: Annotated[int, Numeric(1, 100_000)] = 2000,
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
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        if version not in _HEADERS:
            raise ValidationError(f"there is no version {version}: write 1.0 or 2.0")
        _check_order(queue)
        refuse_headers(headers or {}, _RESERVED)
        self.url = url
        self.version = version
        target = HttpTarget(
            url,
            headers={**(headers or {}), **_HEADERS[version]},
            auth=auth,
            ssl=ssl,
            proxy=proxy,
            judge=_JUDGES[version],
            others={_kind(other): Way(_HEADERS[other], _JUDGES[other]) for other in _HEADERS},
            clock=clock,
        )
        super().__init__(
            target,
            RemoteWriteEncoder(int(version), max_samples),
            name="RemoteWriteStorage",
            timeout=timeout,
            delivery=delivery,
            queue=queue,
            spool=spool,
            names=names,
            task_labels=task_labels,
            kind=_kind(version),
            clock=clock,
        )


def _kind(version: float) -> str:
    """What a request is called in the spool."""
    return f"remote write {version}"


def judge_v1(parcel: Parcel, answer: Answer) -> Outcome:
    """What becomes of a request of version 1.0: 5xx and 429 are retried, other 4xx never.

    Source: https://prometheus.io/docs/specs/prw/remote_write_spec/#retries--backoff.
    """
    status = answer.status
    if status >= 500:
        return not_now(answer)
    if 400 <= status < 500 and status != _TOO_MANY:
        return Refused(str(answer), label="too_large" if status == _TOO_LARGE else "refused")
    return judge(parcel, answer)


def judge_v2(parcel: Parcel, answer: Answer) -> Outcome:
    """The same for version 2.0, whose receivers say how many samples they have written.

    Source: https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/#required-written-response-headers.
    """
    outcome = judge_v1(parcel, answer)
    if isinstance(outcome, Unavailable):
        return outcome
    written = _written(answer)
    if outcome is not None:
        return Refused(outcome.reason, parcel.samples - (written or 0), outcome.label)
    if written is None and parcel.samples:
        return Refused(
            f"{answer} and does not say how many samples it has written, as receivers of version "
            "1.0 do, which have written none: write version: 1.0"
        )
    if written is not None and written < parcel.samples:
        lost = parcel.samples - written
        return Refused(f"{answer}, but {lost} of {parcel.samples} samples are not written", lost)
    return None


_JUDGES = {1.0: judge_v1, 2.0: judge_v2}


def _written(answer: Answer) -> int | None:
    """How many samples were written; None: it does not say."""
    text = answer.headers.get(_WRITTEN, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _check_order(queue: QueueOptions | None) -> None:
    if queue is not None and queue.get("order", Order.OLDEST) != Order.OLDEST:
        raise ValidationError(
            "queue: Prometheus refuses a sample that is older than the one before it: leave order "
            "out, or write order: oldest"
        )
