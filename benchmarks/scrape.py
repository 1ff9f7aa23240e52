"""How long a scrape takes, asked over HTTP from another process as Prometheus asks.

``python -m benchmarks.scrape SERIES`` is the process that is asked: it prints its port and stores
a new measurement every 50 ms, so that every scrape has its text made and compressed.
"""

import http.client
import statistics
import subprocess
import sys
import time

from benchmarks.encoding import Workload

__all__ = ["HEADER", "rows"]

HEADER = (
    "| series | format | bytes sent | p50 ms | p90 ms | p99 ms | scrapes |"
    "\n|---|---|---|---|---|---|---|"
)
#: Seconds between two measurements, and between two scrapes: the latter always find a new one.
_INTERVAL, _PAUSE = 0.05, 0.06
_OPENMETRICS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
_FORMATS = {
    "OpenMetrics, gzip": {"Accept": _OPENMETRICS, "Accept-Encoding": "gzip"},
    "text, gzip": {"Accept": "text/plain;version=0.0.4", "Accept-Encoding": "gzip"},
    "text": {"Accept": "text/plain;version=0.0.4"},
}


def rows(sizes: list[int], scrapes: int):
    """One row for each size and format."""
    for size in sizes:
        for name, headers in _FORMATS.items():
            spent, sent = _scrapes(size, scrapes, headers)
            marks = statistics.quantiles(spent, n=100)
            cells = " | ".join(f"{marks[at - 1] * 1e3:.1f}" for at in (50, 90, 99))
            yield f"| {size:,} | {name} | {sent:,} | {cells} | {len(spent)} |"


def _scrapes(size: int, scrapes: int, headers: dict[str, str]) -> tuple[list[float], int]:
    command = [sys.executable, "-m", "benchmarks.scrape", str(size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", int(served.stdout.readline()))
            spent, sent = [], 0
            for _ in range(scrapes + 2):
                time.sleep(_PAUSE)
                start = time.perf_counter()
                connection.request("GET", "/metrics", headers=headers)
                response = connection.getresponse()
                sent = len(response.read())
                spent.append(time.perf_counter() - start)
            connection.close()
        finally:
            served.kill()
    return spent[2:], sent  # the first one lays out, and connects


def _serve(size: int) -> None:
    from wca.http import HttpServer
    from wca.storage import PrometheusStorage

    workload, storage, server = Workload(size), PrometheusStorage(), HttpServer("127.0.0.1:0")
    batches = [workload.batch() for _ in range(20)]
    storage.store(batches[0])
    server.show(storage.routes())
    server.start()
    print(server.url.rpartition(":")[2], flush=True)
    while True:
        for batch in batches:
            storage.store(batch)
            time.sleep(_INTERVAL)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
