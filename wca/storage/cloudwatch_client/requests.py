"""Data as requests within CloudWatch's limits, ready to wait in a queue or a file."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from wca.storage.cloudwatch_client.datum import Datum
from wca.storage.cloudwatch_client.limits import MOST_DATUMS
from wca.storage.delivery.parcel import Parcel

__all__ = ["MOST_BYTES", "arguments_of", "parcels_of"]

#: Of one request, before it is compressed, in whichever protocol it is sent: CloudWatch takes 1 MB.
MOST_BYTES = 900_000


def parcels_of(namespace: str, datums: Sequence[Datum], resolution: int) -> Iterator[Parcel]:
    """Requests of at most 1000 data and 900,000 bytes, in the order of the data.

    Args:
        namespace: where they go.
        datums: the data.
        resolution: in seconds.
    """
    head = f'{{"Namespace": {json.dumps(namespace)}, "MetricData": ['
    texts: list[str] = []
    inside: list[Datum] = []
    size = len(head)
    for datum in datums:
        text = json.dumps(datum.as_json(resolution), allow_nan=False)
        if texts and (len(texts) == MOST_DATUMS or size + len(text) + 4 > MOST_BYTES):
            yield _parcel(head, texts, inside)
            texts, inside, size = [], [], len(head)
        texts.append(text)
        inside.append(datum)
        size += len(text) + 2
    if texts:
        yield _parcel(head, texts, inside)


def arguments_of(body: bytes) -> dict[str, Any]:
    """What ``put_metric_data`` of boto3 takes, of the body of a parcel. Raises ValueError."""
    request = json.loads(body)
    try:
        for datum in request["MetricData"]:
            datum["Timestamp"] = datetime.fromtimestamp(datum["Timestamp"], UTC)
    except (TypeError, KeyError, OSError) as error:
        raise ValueError("it is no request to CloudWatch") from error
    return dict(request)


def _parcel(head: str, texts: Sequence[str], inside: Sequence[Datum]) -> Parcel:
    body = f"{head}{', '.join(texts)}]}}".encode()
    return Parcel(body, sum(one.samples for one in inside), inside[0].time)
