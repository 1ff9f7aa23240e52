"""Throughput and CPU time of messages to a real broker, beside confluent-kafka in the same run.

Both get the same text of one batch after the other, compress it with gzip, are idempotent
and wait until a broker on this machine has acknowledged the batch.
"""

import importlib.util
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.encoding import Workload
from tests import certificates
from tests.kafka.broker import Broker
from wca.storage.encoding import Encoder
from wca.storage.encoding.cutting import SizeLimit
from wca.storage.encoding.messages import Messages
from wca.storage.kafka_client.settings import producer_settings
from wca.storage.kafka_client.target import KafkaTarget

__all__ = ["HEADER", "rows"]

HEADER = (
    "| series | way | MB/s, median | CPU time per batch, median | of that per series |"
    "\n|---|---|---|---|---|"
)


class Ours:
    """The target of ``KafkaStorage``."""

    name = "KafkaStorage"

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
            timeout=60,
            expired="late",
        )

    def send(self, parcels):
        outcomes = self._target.send(parcels, 60)
        assert not any(outcomes), outcomes

    def close(self):
        self._target.close(5)


class Confluent:
    """librdkafka through confluent-kafka."""

    name = "confluent-kafka"

    def __init__(self, address, topic):
        from confluent_kafka import Producer

        self._topic = topic
        settings = {"compression.type": "gzip", "enable.idempotence": True, "linger.ms": 0}
        self._producer = Producer({"bootstrap.servers": address, **settings})

    def send(self, parcels):
        for parcel in parcels:
            self._producer.produce(self._topic, parcel.body)
        assert self._producer.flush(60) == 0

    def close(self):
        self._producer.flush(5)


def rows(sizes: list[int], rounds: int) -> Iterator[str]:
    """One row for each size and way, and the ratio of their CPU times."""
    ways = [Ours]
    if importlib.util.find_spec("confluent_kafka"):
        ways.append(Confluent)
    else:
        yield "| (confluent-kafka is not installed: `pip install confluent-kafka`) | | | | |"
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
    senders = [way(broker.address, topic) for way in ways]
    taken = {sender.name: [] for sender in senders}
    for number in range(rounds + 2):
        parcels = messages.split(encoder.encode(workload.batch()), time.time())
        for sender in senders if number % 2 else reversed(senders):
            spent = _timed(sender, parcels)
            if number >= 2:  # the first ones connect
                taken[sender.name].append(spent)
    length = sum(len(parcel.body) for parcel in parcels)
    for sender in senders:
        sender.close()
        wall, cpu = (statistics.median(column) for column in zip(*taken[sender.name], strict=True))
        yield (
            f"| {size} | {sender.name} | {length / wall / 1e6:.1f} | {cpu * 1e3:.1f} ms | "
            f"{cpu / size * 1e6:.2f} us |"
        )
    if len(senders) > 1:
        pairs = zip(*taken.values(), strict=True)
        ratio = statistics.median(ours[1] / theirs[1] for ours, theirs in pairs)
        yield f"| {size} | CPU time, ratio of pairs, median | | {ratio:.2f} | |"


def _timed(sender, parcels):
    """Seconds of wall time and of this process's CPU time until all is acknowledged."""
    wall, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(parcels), KafkaTarget.window):
        sender.send(parcels[start : start + KafkaTarget.window])
    return time.perf_counter() - wall, time.process_time() - cpu
