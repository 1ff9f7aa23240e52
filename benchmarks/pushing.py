"""``python -m benchmarks pushing``: microseconds per series from a batch to requests.

Beside remote write and OTLP as this package writes them, the same remote write requests made with
Google's protobuf library: message classes from Prometheus' schema, filled and serialised anew for
each batch, as programs without a cache of labels do.
"""

import statistics
import time
from collections.abc import Iterator

from benchmarks.encoding import Workload
from wca.metrics.batch import Batch
from wca.storage.encoding.protobuf.otlp import OTLPEncoder
from wca.storage.encoding.protobuf.remote_write import RemoteWriteEncoder
from wca.storage.http_client import gzip_quickly

WAYS = {
    "remote write 1.0": lambda: RemoteWriteEncoder(1).encode,
    "remote write 2.0": lambda: RemoteWriteEncoder(2).encode,
    "OTLP, plain": lambda: OTLPEncoder({}, {}).encode,
    "OTLP, gzip": lambda: OTLPEncoder({}, {}, compress=gzip_quickly).encode,
}


HEADER = (
    "CPU time in us per series: median, least; a batch in which one task is new; bytes sent\n\n"
    "| series | way | median | least | one new | bytes |\n|---|---|---|---|---|---|"
)


def rows(sizes: list[int], rounds: int) -> Iterator[str]:
    """One row of the table for each size and way."""
    for size in sizes:
        workload = Workload(size)
        for name, way in {**WAYS, "protobuf library": _library}.items():
            yield f"| {size} | {name} | " + " | ".join(_measure(workload, way(), rounds)) + " |"


def _measure(workload, encode, rounds):
    encode(workload.batch(), 0.0)
    times = []
    for _ in range(rounds):
        spent, parcels = _timed(encode, workload.batch())
        times.append(spent * 1e6 / workload.size)
    changed, _ = _timed(encode, _with_one_new_task(workload))
    size = sum(len(parcel.body) for parcel in parcels) / workload.size
    figures = (statistics.median(times), min(times), changed * 1e6 / workload.size, size)
    return [f"{figure:.2f}" for figure in figures]


def _timed(encode, batch):
    start = time.process_time()
    parcels, _ = encode(batch, 0.0)
    return time.process_time() - start, parcels


def _with_one_new_task(workload):
    """The first task is gone, and another one has come in its place."""
    batch = workload.batch()
    changed = Batch(batch.timestamp)
    labels = {**batch.blocks[0][0].labels, "task_id": "new"}
    new = tuple(
        type(one)(one.name, labels, one.type, one.help, one.unit, one.granularity)
        for one in batch.blocks[0]
    )
    changed.blocks = [new, *batch.blocks[1:]]
    changed.values = batch.values
    return changed


def _library():
    """The same with Google's library; Snappy by cramjam."""
    from cramjam import snappy

    from tests.proto import messages
    from wca.storage.delivery import Parcel

    request_type = messages("types.proto", "remote.proto")["prometheus.WriteRequest"]

    def encode(batch, _now):
        parcels = []
        milliseconds = round(batch.timestamp * 1000)
        rows = list(zip(batch.series(), batch.values, strict=True))
        for start in range(0, len(rows), 2000):
            request = request_type()
            for one, value in rows[start : start + 2000]:
                series = request.timeseries.add()
                for key, text in sorted([*one.labels.items(), ("__name__", one.name)]):
                    series.labels.add(name=key, value=text)
                series.samples.add(value=value, timestamp=milliseconds)
            body = bytes(snappy.compress_raw(request.SerializeToString()))
            parcels.append(Parcel(body, 0, 0.0))
        return parcels, []

    return encode
