"""What the agent exports of its storages: every sample is in one place, in every interval."""

import re
import socket
from collections import defaultdict

import pytest

from tests.http_receiver import Reply
from tests.main.agent import Agent, wait_until, write_config

CONFIG = """
runner: !MeasurementRunner
  node: !StaticNode
    tasks: []
  interval: 50ms
  metrics_storage: !FilterStorage
    filter: ["wca_.*"]
    storages:
      - !LogStorage
        output_filename: {folder}/metrics.prom
      - !HTTPStorage
        http_endpoint: {url}
        format: series
        queue: {{first_retry: 50ms, max_messages: 5}}
      - !HTTPStorage
        http_endpoint: http://127.0.0.1:{closed}
        format: series
        queue: {{first_retry: 50ms}}
        spool: {{path: {folder}/spool/waiting.db, max_bytes: 100kB}}
"""
SAMPLE = re.compile(r'wca_(\w+)_samples\{.*?(?:reason="(\w+)",)?storage="([^"]*)".*?\} (\d+)')


def intervals(output):
    return output.read_text().count("# HELP wca_up ") if output.exists() else 0


def books(text):
    """Way to samples by storage, for each interval."""
    for interval in text.split("\n# HELP wca_collected_samples")[1:]:
        found = defaultdict(lambda: defaultdict(int))
        for way, _, storage, value in SAMPLE.findall(interval):
            found[storage][way] += int(value)
        yield found


@pytest.fixture
def closed_port():
    with socket.socket() as bound:  # and not listening
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_the_books_balance_in_every_interval_with_targets_that_come_and_go(
    tmp_path, receiver, closed_port
):
    text = CONFIG.format(folder=tmp_path, url=receiver.url, closed=closed_port)
    output = tmp_path / "metrics.prom"
    with Agent("-c", write_config(tmp_path, text)) as agent:
        wait_until(lambda: intervals(output) > 10, "the first intervals")
        receiver.reply(*[Reply(503)] * 5, Reply())
        wait_until(lambda: intervals(output) > 50, "more of them")
        agent.end()
    seen = list(books(output.read_text()))
    for found in seen:
        for storage, ways in found.items():
            assert ways["collected"] + ways["recovered"] == (
                ways["delivered"] + ways["dropped"] + ways["waiting"]
            ), storage
    last = seen[-1]
    first, second = "metrics_storage/HTTPStorage", "metrics_storage/HTTPStorage#2"
    assert set(last) == {"metrics_storage", first, second}
    assert last["metrics_storage"]["dropped"] > 0  # what the filter left out
    assert last[first]["delivered"] > 0
    assert last[second]["delivered"] == 0
    assert last[second]["waiting"] > 0
    assert last[second]["dropped"] > 0  # what the spool has no room for
