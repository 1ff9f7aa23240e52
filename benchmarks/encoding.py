"""Microseconds per series from values to the bytes of a page, beside others in the same process."""

import gc
import random
import statistics
import time
from dataclasses import dataclass

from wca.metrics.batch import Batch, Series
from wca.metrics.vocabulary import Names, Vocabulary
from wca.storage.encoding import Encoder
from wca.storage.encoding.openmetrics import OpenMetricsEncoder, openmetrics_chunks
from wca.storage.encoding.prometheus import in_one_piece

__all__ = ["HEADER", "Workload", "rows"]

HEADER = (
    "| series | bare join | text | OpenMetrics | text, names translated | prometheus_client "
    "| prometheus_client / text |\n|---|---|---|---|---|---|---|"
)
_PER_TASK = 20
#: Times that each way writes one batch; the best counts, as timeit's does.
_REPEATS = 3


@dataclass
class Workload:
    """Tasks with twenty series each, seven labels, and values as they are: large and odd ones.

    Args:
        size: number of series.
    """

    size: int

    def __post_init__(self) -> None:
        self._random = random.Random(self.size)
        kinds = [("counter", "seconds"), ("counter", "numeric"), ("gauge", "bytes")]
        self.blocks = []
        for task in range(self.size // _PER_TASK):
            labels = {
                "host": "node-17.example.org",
                "task_id": f"0d1f4a6e-5c1b-4f4e-9a57-{task:012d}",
                "task_name": f"default/frontend-{task}",
                "namespace": "default",
                "pod": f"frontend-{task}",
                "app": "frontend",
                "container": "server",
            }
            self.blocks.append(
                tuple(
                    Series(f"task_metric_{i}", labels, *_kind(kinds[i % 3], i))
                    for i in range(_PER_TASK)
                )
            )
        self._next = [float(self._random.randrange(10**9)) for _ in range(self.size)]

    def batch(self) -> Batch:
        """The same series with greater values: a third fractions, a third counts, a third bytes."""
        batch = Batch(time.time())
        self._next = [value + 1000 for value in self._next]
        values = [
            value + self._random.random() if i % 3 == 0 else int(value) + self._random.randrange(99)
            for i, value in enumerate(self._next)
        ]
        for number, block in enumerate(self.blocks):
            start = number * _PER_TASK
            batch.add(block, values[start : start + _PER_TASK])
        return batch


def _kind(kind: tuple[str, str], number: int) -> tuple[str, str, str, str]:
    return kind[0], f"Help of metric {number}, one sentence.", kind[1], "task"


def rows(sizes: list[int], rounds: int):
    """One row of the table for each size: medians over batches, CPU time of this thread."""
    gc.disable()  # the agent's own threshold is far beyond what a page takes, see wca.gc_tuning
    for size in sizes:
        workload = Workload(size)
        ways = [_joining(workload), _text(), _openmetrics(), _translated(), _prometheus_client()]
        times: list[list[float]] = [[] for _ in ways]
        for _ in range(max(3, rounds if size <= 10_000 else rounds // 3)):
            batch = workload.batch()
            gc.collect()  # of what prometheus_client has left
            for way, spent in zip(ways, times, strict=True):
                spent.append(min(_timed(way(batch)) for _ in range(_REPEATS)))
        # The first round lays the batch out, which happens when series come and go.
        cells = [f"{statistics.median(spent[1:]) / size * 1e6:.3f}" for spent in times]
        _, text, *_, theirs = times
        ratio = statistics.median(b / a for a, b in zip(text[1:], theirs[1:], strict=True))
        yield f"| {size:,} | {' | '.join(cells)} | {ratio:.0f} |"


def _timed(action) -> float:
    start = time.thread_time()
    action()
    return time.thread_time() - start


def _joining(workload: Workload):
    """The floor: lines that are ready, put together."""
    lines = [line + b"\n" for line in _body(Encoder(), workload.batch()).split(b"\n")]
    return lambda _batch: lambda: b"".join(lines)


def _text():
    encoder = Encoder()
    return lambda batch: lambda: _body(encoder, batch)


def _body(encoder: Encoder, batch) -> bytes:
    return in_one_piece(encoder.encode(batch).chunks())


def _openmetrics():
    encoder = OpenMetricsEncoder()
    return lambda batch: lambda: in_one_piece(openmetrics_chunks(encoder.encode(batch)))


def _translated():
    encoder, vocabulary = Encoder(), Vocabulary(Names.PROMETHEUS)
    return lambda batch: lambda: _body(encoder, vocabulary.translate(batch))


def _prometheus_client():
    """A collector that gives its families, and the client's own writer."""
    from prometheus_client import generate_latest
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    def prepare(batch: Batch):
        families: dict[str, object] = {}
        series = [one for block in batch.blocks for one in block]
        for one, value in zip(series, batch.values, strict=True):
            if one.name not in families:
                kind = CounterMetricFamily if one.type == "counter" else GaugeMetricFamily
                families[one.name] = kind(one.name, one.help, labels=list(one.labels))
            families[one.name].add_metric(list(one.labels.values()), value)

        class Collector:
            def collect(self):
                return families.values()

        return lambda: generate_latest(Collector())

    return prepare
