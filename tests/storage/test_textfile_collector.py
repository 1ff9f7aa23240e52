"""node_exporter's textfile collector takes what LogStorage writes in overwrite mode."""

import os
import re
import socket
import subprocess
import time
import urllib.request

import pytest

from tests.services import program
from wca.metrics import Metric
from wca.storage import LogStorage

BINARIES = ("prometheus-node-exporter", "node_exporter")


@pytest.fixture
def exporter(tmp_path):
    """A running node_exporter that reads a folder; gives the folder and its address."""
    binary = program(*BINARIES, package="prometheus-node-exporter")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = ["--collector.disable-defaults", "--collector.textfile"]
    options += [f"--collector.textfile.directory={tmp_path}", f"--web.listen-address={address}"]
    process = subprocess.Popen([binary, *options], stderr=subprocess.DEVNULL)
    try:
        yield tmp_path, f"http://{address}/metrics"
    finally:
        process.terminate()
        process.wait()


def fetch(url):
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read().decode()
        except OSError:
            assert time.monotonic() < deadline, "node_exporter does not answer"
            time.sleep(0.05)


def test_the_textfile_collector_accepts_the_file(exporter):
    folder, url = exporter
    storage = LogStorage(output_filename=str(folder / "wca.prom"), overwrite=True)
    labels = {"task_id": 'a "quoted" \\ name', "zone": "größe\nzwei"}
    for number in (1, 2):
        storage.store(
            [
                Metric("task_up", number, labels, "gauge", "One sentence.", timestamp=1.0),
                Metric("task_cpu_usage_seconds", 0.25 * number, labels, "counter"),
            ]
        )
    storage.close()
    text = fetch(url)
    assert re.search(r"^node_textfile_scrape_error 0$", text, re.MULTILINE)
    assert 'task_up{task_id="a \\"quoted\\" \\\\ name",zone="größe\\nzwei"} 2' in text
    assert re.search(r"^task_cpu_usage_seconds\{.*\} 0\.5$", text, re.MULTILINE)
    assert os.listdir(folder) == ["wca.prom"]
