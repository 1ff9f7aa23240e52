"""Memory of a KafkaStorage whose broker is away: ``python -m benchmarks broker-away``."""

import gc
import socket
import subprocess
import sys
import time
from dataclasses import dataclass

HEADER = (
    "| Time without a broker | RSS | Queue | Samples waiting | Merged | Dropped |\n"
    "|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Row:
    """What was seen at one moment."""

    seconds: int
    resident: int
    queued: int
    waiting: int
    merged: int
    dropped: int

    def row(self) -> str:
        """As a line of the table."""
        return (
            f"| {self.seconds} s | {self.resident / 2**20:.1f} MiB | {self.queued / 2**20:.2f} MiB "
            f"| {self.waiting} | {self.merged} | {self.dropped} |"
        )


def measure(seconds: int, per_second: int) -> None:
    """Print the table; the storage is in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.broker_away", str(seconds), str(per_second)]
    subprocess.run(command, check=True)


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def _run(seconds: int, per_second: int) -> None:
    from wca.metrics import Metric
    from wca.storage import KafkaStorage

    with socket.socket() as free:  # bound and not listening: every connection is refused
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        storage = KafkaStorage("wca", brokers_ips=(address,))
        storage.start()
        labels = [
            {"task_id": f"task-{number}", "host": "here"} for number in range(per_second // 20)
        ]
        start, looked = time.monotonic(), 0
        print(HEADER, flush=True)
        for interval in range(seconds + 1):
            storage.store(
                [
                    Metric(
                        f"task_number_{number}",
                        interval * 1000 + number,
                        one,
                        "counter" if number % 2 else "gauge",
                        timestamp=time.time(),
                    )
                    for one in labels
                    for number in range(20)
                ]
            )
            if interval >= looked:
                looked = max(1, looked * 2) if interval else 10
                gc.collect()
                _print(int(time.monotonic() - start), storage)
            time.sleep(max(0.0, start + interval + 1 - time.monotonic()))
        _print(int(time.monotonic() - start), storage)
        storage.close(0.1)


def _print(seconds: int, storage: object) -> None:
    account, size = storage.ledger.account, storage.waiting  # type: ignore[attr-defined]
    merged = account.dropped.get("merged", 0)
    dropped = sum(account.dropped.values()) - merged
    print(Row(seconds, _resident(), size.bytes, account.waiting, merged, dropped).row(), flush=True)


if __name__ == "__main__":
    _run(int(sys.argv[1]), int(sys.argv[2]))
