"""A real Prometheus on loopback: Debian's package, or version 3 built from its Go module.

As a context manager it is ended for certain, with whatever it has left::

    with prometheus_server.start(tmp_path, scrape=["127.0.0.1:9101"]) as server:
        server.query("up")
"""

import contextlib
import json
import os
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from tests import go_toolchain
from tests.services import free_port, program

ROOT = Path(__file__).parents[1]
MODULE = Path(__file__).parent / "prometheus3"
#: Beside the agents that are built to compare with; survives from run to run.
BUILT = ROOT / "build" / "prometheus3" / "prometheus"
#: Its plugins for clouds and orchestrators are most of its code, and of no use here.
TAGS = "remove_all_sd"
REMOTE_WRITE = "--web.enable-remote-write-receiver"


def start(folder, scrape=(), flags=(REMOTE_WRITE,), binary=None, interval="1s", scrape_options=""):
    """Start a Prometheus and wait until it takes requests.

    Args:
        folder: for its configuration, data and log; data found there is served again.
        scrape: addresses, ``host:port``, whose ``/metrics`` it fetches.
        flags: further arguments.
        binary: its path; None: the one of Debian's package.
        interval: between two scrapes.
        scrape_options: further YAML lines of the job ``scraped``, indented by four spaces.
    """
    binary = binary or program("prometheus", package="prometheus")
    server = Prometheus(Path(folder), str(binary), flags)
    server.configure(scrape, interval, scrape_options)
    server.start()
    return server


def prometheus3():
    """The path of a Prometheus 3, built where it is not there yet; takes minutes then."""
    package = "github.com/prometheus/prometheus/cmd/prometheus"
    return go_toolchain.built(MODULE, package, BUILT, "-tags", TAGS, GOTOOLCHAIN="local")


class Prometheus:
    """One server; a context manager.

    Args:
        folder: see ``start``, here and below.
        binary: its path.
        flags: further arguments.
    """

    def __init__(self, folder, binary, flags):
        self.folder = folder
        self.binary = binary
        self.flags = list(flags)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def configure(self, scrape, interval, options):
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = [f"global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}"]
        if scrape:
            lines += ["scrape_configs:", "  - job_name: scraped"]
            lines += [f"    static_configs: [{{targets: {json.dumps(list(scrape))}}}]", options]
        (self.folder / "prometheus.yml").write_text("\n".join(lines) + "\n")

    def start(self):
        with (self.folder / "prometheus.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    self.binary,
                    f"--config.file={self.folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self.folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    *self.flags,
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, "GOMAXPROCS": "2"},
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def stop(self):
        """End it in its own time; what it has taken is on disk then."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        self.process.kill()
        self.process.wait(30)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.process.poll() is None:
            self.kill()

    def log(self):
        return (self.folder / "prometheus.log").read_text(errors="replace")

    def query(self, expression, at=None):
        """An instant query: a list of ``{"metric": labels, "value": [time, text]}``."""
        return self._get("query", query=expression, time=time.time() if at is None else at)

    def query_range(self, expression, start, end, step=1):
        """A list of ``{"metric": labels, "values": [[time, text], ...]}``."""
        return self._get("query_range", query=expression, start=start, end=end, step=step)

    def metadata(self):
        """Type, help and unit of metrics, by name."""
        return self._fetch("metadata")["data"]

    def _get(self, path, **parameters):
        return self._fetch(f"{path}?{urllib.parse.urlencode(parameters)}")["data"]["result"]

    def _fetch(self, path):
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=30) as answer:
            return json.load(answer)

    def _wait_until_ready(self, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"Prometheus has ended: {self.log()[-2000:]}")
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"{self.url}/-/ready", timeout=5).close()
                return
            time.sleep(0.05)
        raise AssertionError(f"Prometheus is not ready after {seconds} s: {self.log()[-2000:]}")


if __name__ == "__main__":
    prometheus3()
