"""Metrics as JSON to a web service."""

import enum
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from wca.clock import Clock
from wca.config.types import Duration, Injected, Secret, Size, Url
from wca.metrics import Metric
from wca.metrics.vocabulary import Names
from wca.security import SSL
from wca.storage.delivery.options import DeliveryMode, QueueOptions, SpoolOptions
from wca.storage.encoding.documents import SeriesDocuments, ValueDocuments
from wca.storage.http_client import (
    Compression,
    HttpAuth,
    HttpTarget,
    gzip_quickly,
    refuse_headers,
)
from wca.storage.network import Encode, Encoding, NetworkStorage

__all__ = ["Format", "HTTPStorage"]

MAX_BODY = 4 * 2**20


class Format(enum.StrEnum):
    """What a message looks like.

    ``values``: ``{name: value}``, one number for each name. ``series``: a list of objects that hold
    every sample with its labels, type, unit, help and time.
    """

    VALUES = "values"
    SERIES = "series"


class HTTPStorage(NetworkStorage):
    """Posts metrics as JSON to a web service.

    ``store`` puts them into a queue, and a thread of its own posts them and tries again while the
    service does not take them. With ``format: values``, a state that waits gives way to the next.

    Args:
        http_endpoint: where to post.
        format: ``values``: one number for each name, of the series of a name the last one;
            ``series``: every series with all that is known of it.
        timeout: how long one attempt may take, from the connection to the end of the answer.
        compression: ``gzip``, where the service understands it.
        max_body: greatest length of a message before compression; what is longer is split.
        headers: further headers of each request.
        auth: ``username`` and ``password``, or ``token``, or ``token_file``, which is read anew for
            each request.
        ssl: how a server with an ``https`` address is verified; by default by this machine's
            certificate authorities.
        proxy: address of a proxy; none is taken from environment variables.
        delivery: ``queued``; ``blocking``: ``store`` posts and waits for the answer.
        queue: bounds of the queue.
        spool: a file in which messages wait instead of memory.
        names: which names metrics get.
        task_labels: labels of tasks that are kept, where ``names`` leaves out some.
        clock: time.

    Raises:
        ValidationError: an address, a header or ``auth`` cannot be used.
    """

    def __init__(
        self,
        http_endpoint: Annotated[str, Url()] = "http://127.0.0.1:8000",
        format: Format = Format.VALUES,  # noqa: A002 - the name of the field
        timeout: Annotated[float, Duration(0.01, 300)] = 5.0,
        compression: Compression = Compression.NONE,
        max_body: Annotated[int, Size(1024, 2**30)] = MAX_BODY,
        headers: dict[str, Annotated[str, Secret()]] | None = None,
        auth: HttpAuth | None = None,
        ssl: SSL | None = None,
        proxy: Annotated[str, Url(), Secret()] | None = None,
        delivery: DeliveryMode = DeliveryMode.QUEUED,
        queue: QueueOptions | None = None,
        spool: SpoolOptions | None = None,
        names: Names = Names.WCA,
        task_labels: list[str] | None = None,
        *,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        refuse_headers(headers or {}, ("content-encoding",))
        self.http_endpoint = http_endpoint
        self.format = Format(format)
        documents = ValueDocuments if self.format is Format.VALUES else SeriesDocuments
        encode = documents(max_body).encode
        super().__init__(
            HttpTarget(
                http_endpoint,
                headers={"Content-Type": "application/json", **(headers or {})},
                auth=auth,
                ssl=ssl,
                proxy=proxy,
                clock=clock,
            ),
            _gzipped(encode) if Compression(compression) is Compression.GZIP else encode,
            name="HTTPStorage",
            timeout=timeout,
            delivery=delivery,
            queue=queue,
            spool=spool,
            names=names,
            task_labels=task_labels,
            history=self.format is Format.SERIES,
            kind=f"JSON {self.format}",
            clock=clock,
        )


def _gzipped(encode: Encode) -> Encode:
    """The same messages, compressed."""

    def encode_and_compress(metrics: Sequence[Metric], now: float) -> Encoding:
        encoding = encode(metrics, now)
        parcels = [replace(one, body=gzip_quickly(one.body)) for one in encoding.parcels]
        return Encoding(parcels, encoding.rejected)

    return encode_and_compress
