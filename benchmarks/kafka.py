"""Throughput and CPU time of messages to a real broker, beside confluent-kafka in the same run.

Two comparisons. ``ready messages``: both producers get the same messages, ready to be sent.
``store()``: ``KafkaStorage`` gets the batch of metrics and has delivered it when its books say so;
beside it the same encoder in front of confluent-kafka. All compress with gzip, are idempotent
and wait until a broker on this machine has acknowledged the batch; each batch is sent by all, in
turns.
"""

import gc
import importlib.util
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.encoding import Workload
from tests import certificates
from tests.kafka.broker import Broker
from wca.storage import KafkaStorage
from wca.storage.encoding import Encoder
from wca.storage.encoding.cutting import SizeLimit
from wca.storage.encoding.messages import Messages
from wca.storage.kafka_client.settings import producer_settings
from wca.storage.kafka_client.target import KafkaTarget

__all__ = ["HEADER", "rows"]

HEADER = (
    "| series | what | way | ms per batch | MB/s | CPU ms per batch | CPU us per series "
    "| CPU beside confluent-kafka |\n|---|---|---|---|---|---|---|---|"
)
#: Seconds that a batch may take, and between two looks at the books of the storage.
_TIMEOUT, _LOOK = 60.0, 0.0005
_READY, _STORE = "ready messages", "store()"


class Sending:
    """The producer of ``KafkaStorage``, with messages that are ready."""

    what, way = _READY, "WCA"

    def __init__(self, address, topic):
        settings = {
            "compression_type": "gzip",
            "metrics_enabled": False,
            **producer_settings({"client.id": "benchmark"}),
        }
        self._target = KafkaTarget(
            topic,
            "prometheus",
            SizeLimit(900_000),
            [address],
            key=None,
            settings=settings,
            ssl=None,
            timeout=_TIMEOUT,
            expired="",
        )

    def deliver(self, _batch, parcels):
        for start in range(0, len(parcels), KafkaTarget.window):
            outcomes = self._target.send(parcels[start : start + KafkaTarget.window], _TIMEOUT)
            assert not any(outcomes), outcomes

    def close(self):
        self._target.close(5)


class Storing:
    """``KafkaStorage`` with its defaults: metrics in, and its own books for an answer."""

    what, way = _STORE, "WCA"

    def __init__(self, address, topic):
        self._storage = KafkaStorage(topic, [address])
        self._storage.start()

    def deliver(self, batch, _parcels):
        ledger = self._storage.ledger
        done = ledger.account.delivered + len(batch)
        self._storage.store(batch)
        end = time.monotonic() + _TIMEOUT
        while ledger.account.delivered < done:
            assert time.monotonic() < end, ledger.account
            time.sleep(_LOOK)

    def close(self):
        self._storage.close(5)


class Confluent:
    """librdkafka through confluent-kafka, with messages that are ready."""

    what, way = _READY, "confluent-kafka"

    def __init__(self, address, topic):
        from confluent_kafka import Producer

        self._topic = topic
        settings = {"compression.type": "gzip", "enable.idempotence": True, "linger.ms": 0}
        self._producer = Producer({"bootstrap.servers": address, **settings})

    def deliver(self, _batch, parcels):
        for parcel in parcels:
            self._producer.produce(self._topic, parcel.body)
        assert self._producer.flush(_TIMEOUT) == 0

    def close(self):
        self._producer.flush(5)


class EncodingConfluent(Confluent):
    """The same behind WCA's encoder: what a storage would be that had no queue and no books."""

    what = _STORE

    def __init__(self, address, topic):
        super().__init__(address, topic)
        self._encoder, self._messages = Encoder(timestamps=True), Messages()

    def deliver(self, batch, _parcels):
        encoded = self._encoder.encode(batch)
        super().deliver(batch, self._messages.split(encoded, batch.timestamp))


def rows(sizes: list[int], rounds: int) -> Iterator[str]:
    """A row for each size, comparison and way."""
    ways = [Sending, Storing]
    if importlib.util.find_spec("confluent_kafka"):
        ways = [Sending, Confluent, Storing, EncodingConfluent]
    else:
        yield "confluent-kafka is not installed, see docs/performance.md"
    gc.disable()  # the agent's own threshold is far beyond what a batch takes, see wca.gc_tuning
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(folder, certificates.make(Path(folder)))
        try:
            broker.start()
            for size in sizes:
                yield from _rows(broker, size, ways, rounds)
        finally:
            broker.stop()


def _rows(broker, size, ways, rounds):
    workload, encoder, messages = Workload(size), Encoder(timestamps=True), Messages()
    topic = broker.create(f"benchmark-{size}")
    made = [way(broker.address, topic) for way in ways]
    taken = {one: [] for one in made}
    for number in range(rounds + 2):
        batch = workload.batch()
        parcels = messages.split(encoder.encode(batch), batch.timestamp)
        gc.collect()
        for one in made if number % 2 else reversed(made):
            spent = _timed(one, batch, parcels)
            if number >= 2:  # the first ones connect
                taken[one].append(spent)
    length = sum(len(parcel.body) for parcel in parcels)
    for one in made:
        one.close()
    cpu = {(one.what, one.way): [spent[1] for spent in taken[one]] for one in made}
    for one in made:
        yield _row(size, one, length, taken[one], cpu.get((one.what, Confluent.way)))


def _row(size, one, length, taken, others):
    wall, cpu = (statistics.median(column) for column in zip(*taken, strict=True))
    ratio = ""
    if others and one.way != Confluent.way:
        own = [spent for _, spent in taken]
        low, middle, high = statistics.quantiles(
            [ours / theirs for ours, theirs in zip(own, others, strict=True)]
        )
        ratio = f"{middle:.2f} ({low:.2f} to {high:.2f})"
    return (
        f"| {size:,} | {one.what} | {one.way} | {wall * 1e3:.1f} | {length / wall / 1e6:.1f} "
        f"| {cpu * 1e3:.1f} | {cpu / size * 1e6:.2f} | {ratio} |"
    )


def _timed(one, batch, parcels):
    """Seconds of wall time and of this process's CPU time until all is acknowledged."""
    wall, cpu = time.perf_counter(), time.process_time()
    one.deliver(batch, parcels)
    return time.perf_counter() - wall, time.process_time() - cpu
