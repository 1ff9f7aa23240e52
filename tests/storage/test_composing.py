"""Storages inside storages, as a configuration file writes them."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wca.components import load_registry
from wca.config import ConfigLoadError, load_config
from wca.metrics import Metric
from wca.nodes.static import StaticNode
from wca.runners import MeasurementRunner
from wca.storage import (
    AggregatingStorage,
    FilterStorage,
    LogStorage,
    MultiStorage,
    RelabelStorage,
)
from wca.testing import FakeClock, RecordingStorage, check_exposition
from wca.testing.kernel import KernelTree

CONFIGS = sorted(
    Path(__file__).parents[2] / "configs" / "storing" / f"{name}.yaml"
    for name in ("aggregate", "composed", "filter", "relabel")
)

NESTED = """
runner: !MeasurementRunner
  node: !StaticNode {{tasks: []}}
  metrics_storage: !FilterStorage
    filter: [a, "b.*"]
    storages:
      - !RelabelStorage
        add_labels: {{env: test}}
        storages:
          - !AggregatingStorage
            window: 1m
            aggregate: {{a: [median, max], b1: {{high: p75}}}}
            storages: [!MultiStorage {{storages: [!LogStorage {{output_filename: {path}}}]}}]
"""


@pytest.fixture
def load(tmp_path):
    def load(text):
        config = tmp_path / "config.yaml"
        config.write_text(text)
        return load_config(str(config), load_registry([f"{__name__}:OnlyOpen"]))

    return load


def test_they_are_nested_at_will(load, tmp_path):
    storage = load(NESTED.format(path=tmp_path / "out")).runner.metrics_storage
    storage.start()
    for value in (1, 2, 6):
        storage.store(
            [Metric(name, value, type="gauge", timestamp=60) for name in ("a", "b1", "c")]
        )
    storage.close()
    assert (tmp_path / "out").read_text().split("\n") == [
        "# TYPE a_max gauge",
        'a_max{env="test"} 6 60000',
        "# TYPE a_median gauge",
        'a_median{env="test"} 2.0 60000',
        "# TYPE high gauge",
        'high{env="test"} 4.0 60000',
        "",
        "",
    ]
    assert (storage.filtered, storage.merged, storage.rejected) == (3, 4, 0)


SHARED = """
runner: !MeasurementRunner
  node: !StaticNode {tasks: []}
  metrics_storage: !MultiStorage
    storages:
      - !FilterStorage
        storages:
          - !AggregatingStorage
            storages: [&last !OnlyOpen {}]
      - !RelabelStorage {storages: [*last]}
"""


class OnlyOpen(RecordingStorage):
    """Takes nothing once it was closed."""

    def store(self, metrics):
        assert not self.closed
        super().store(metrics)


def test_a_storage_in_two_places_gets_everything_before_it_is_closed(load):
    storage = load(SHARED).runner.metrics_storage
    (last,) = storage.storages[1].storages
    storage.start()
    storage.store([Metric("a", 1)])
    storage.close()
    assert [len(batch) for batch in last.batches] == [1, 1]


class Hoarder(RecordingStorage):
    """A plugin's storage that holds a batch back until ``flush``."""

    def __init__(self, broken=False):
        super().__init__()
        self.broken, self.calls = broken, []

    def flush(self, timeout):
        self.calls.append(("flush", timeout))
        if self.broken:
            raise OSError("no")

    def close(self, timeout):
        self.calls.append(("close", timeout))


def test_a_plugins_storage_is_flushed_before_any_is_closed(caplog):
    broken, good = Hoarder(broken=True), Hoarder()
    clock = FakeClock()
    MultiStorage([FilterStorage([broken], clock=clock), good], clock=clock).close(8.0)
    # Behind a storage that is flushed and closed itself, a second flush does no harm.
    assert broken.calls == [("flush", 8.0), ("flush", 8.0), ("close", 8.0)]
    assert good.calls == [("flush", 8.0), ("close", 4.0)]
    assert "Hoarder did not flush: no" in caplog.text


def test_labels_of_every_series_are_known_behind_all_of_them(tmp_path):
    tree = KernelTree(tmp_path / "root", layout="hybrid")
    tree.add_task("/a")
    path = tmp_path / "out"
    log = LogStorage(str(path), names="prometheus")
    relabelled = RelabelStorage(
        [AggregatingStorage([log])], rename_labels={"rack": "row"}, add_labels={"env": "test"}
    )
    runner = MeasurementRunner(
        node=StaticNode(tasks=["a"], default_labels={"team": "x"}, kernel=tree.kernel),
        metrics_storage=FilterStorage([relabelled], filter=["task_up"]),
        extra_labels={"host": "h", "rack": "r7"},
        kernel=tree.kernel,
        clock=FakeClock(),
    )
    runner.stop_after(1)
    assert runner.run() == 0
    (sample,) = (line for line in path.read_text().splitlines() if line.startswith("task_up"))
    labels = 'env="test",host="h",row="r7",task_id="a",task_name="a"'
    assert sample.startswith(f"task_up{{{labels}}} 1")


STOPPED = """
runner: !MeasurementRunner
  node: !StaticNode {{tasks: []}}
  interval: 100ms
  metrics_storage: !MultiStorage
    storages:
      - !LogStorage {{output_filename: {folder}/each, overwrite: true}}
      - !AggregatingStorage
          window: 1h
          aggregate: {{wca_up: count}}
          storages: [!LogStorage {{output_filename: {folder}/hour, overwrite: true}}]
"""


def test_an_agent_that_is_told_to_end_hands_on_the_window_it_is_in(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(STOPPED.format(folder=tmp_path))
    config.chmod(0o600)
    command = [sys.executable, "-m", "wca", "--root", "-c", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as agent:
        try:
            assert eventually((tmp_path / "each").exists)
            agent.send_signal(signal.SIGTERM)
            _, said = agent.communicate(timeout=60)
        finally:
            agent.kill()
    assert agent.returncode == 0, said
    assert check_exposition((tmp_path / "hour").read_text()) == []
    assert re.search(r"^wca_up\{.*\} [1-9]", (tmp_path / "hour").read_text(), re.MULTILINE)


def eventually(true):
    """Whether something comes true within a minute."""
    end = time.monotonic() + 60
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


@pytest.mark.parametrize(
    ("storage", "problem"),
    [
        ("!MultiStorage {storages: []}", "at least one storage"),
        ("!MultiStorage {storages: !LogStorage {}}", "expected a list"),
        ("!FilterStorage {storages: [!LogStorage {}], labels: {a-b: x}}", "a label name"),
        ("!FilterStorage {storages: [!LogStorage {}], filter: ['(']}", "no regular expression"),
        ("!RelabelStorage {storages: [!LogStorage {}], rename_labels: {a: b-c}}", "a label name"),
        (
            "!RelabelStorage {storages: [!LogStorage {}], replace_values: [{label: a, regexp: b}]}",
            "value is missing",
        ),
        ("!AggregatingStorage {storages: [!LogStorage {}], window: 0}", "of at least"),
        (
            "!AggregatingStorage {storages: [!LogStorage {}], aggregate: {a: [medain]}}",
            "aggregate.a[0]",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(load, storage, problem):
    text = "runner: !MeasurementRunner\n  node: !StaticNode {tasks: []}\n"
    with pytest.raises(ConfigLoadError) as raised:
        load(f"{text}  metrics_storage: {storage}\n")
    assert problem in str(raised.value)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_the_shipped_files_run(path, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(path.read_text().replace("/tmp/", f"{tmp_path}/"))
    config.chmod(0o600)
    command = [sys.executable, "-m", "wca", "--root", "--once", "-c", str(config)]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env=os.environ
    )
    assert result.returncode == 0, result.stderr
    assert check_exposition(result.stdout) == []
    assert "# TYPE" in result.stdout
    for written in tmp_path.glob("*.prom"):
        assert check_exposition(written.read_text()) == []
