"""What a broker has on its disk: the heads of the record batches in the log of a topic.

Source: https://kafka.apache.org/documentation/#recordbatch.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

#: Offset of the first record, length of what follows, leader epoch, magic, checksum, attributes, delta
#: of the last offset, first and last time, producer's number and epoch, first sequence number, records.
HEAD = struct.Struct(">qiibIhiqqqhii")
COMPRESSIONS = ("none", "gzip", "snappy", "lz4", "zstd")


@dataclass(frozen=True)
class Head:
    """The head of a batch.

    Args:
        compression: of its records.
        producer: number of the producer; -1: it has none, and is not idempotent.
        sequence: number of the first record, as its producer counts them.
        records: how many.
    """

    compression: str
    producer: int
    sequence: int
    records: int


def heads(broker, topic, partition=0):
    """The heads of all batches of a partition."""
    found = []
    for segment in sorted((broker.folder / "log" / f"{topic}-{partition}").glob("*.log")):
        found += heads_in(segment.read_bytes())
    return found


def heads_in(data):
    start = 0
    while start + HEAD.size <= len(data):
        fields = HEAD.unpack_from(data, start)
        _, length, _, magic, _, attributes, _, _, _, producer, _, sequence, records = fields
        if not length:
            break
        assert magic == 2
        yield Head(COMPRESSIONS[attributes & 7], producer, sequence, records)
        start += 12 + length


def size(broker, topic, partition=0):
    """Bytes in the log of a partition."""
    folder = Path(broker.folder / "log" / f"{topic}-{partition}")
    return sum(segment.stat().st_size for segment in folder.glob("*.log"))
