"""The agent finds a real task that uses more CPU than it may."""

import json
import subprocess
import sys

import pytest

from tests.main.agent import Agent, wait_until, write_config

CONFIG = """
runner: !DetectionRunner
  interval: 200ms
  node: !StaticNode
    tasks: [{busy}, {idle}]
    tasks_labels:
      {busy}: {{app: batch}}
  metrics_storage: !LogStorage {{output_filename: {folder}/metrics.txt}}
  anomalies_storage: !LogStorage {{output_filename: {folder}/anomalies.txt}}
  records: {folder}/records.jsonl
  detector: !ThresholdDetector
    rules:
      - name: too much CPU
        metric: task_cpu_usage_seconds
        above: 0.1
        for: 1s
        window: 1s
        resource: cpus
"""


def test_a_task_that_uses_too_much_cpu_is_an_anomaly_in_its_storage(real_cgroups, tmp_path):
    busy, idle = real_cgroups.make("busy"), real_cgroups.make("idle")
    config = write_config(tmp_path, CONFIG.format(busy=busy[1:], idle=idle[1:], folder=tmp_path))
    anomalies, records = tmp_path / "anomalies.txt", tmp_path / "records.jsonl"
    real_cgroups.worker(idle)
    spin = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        real_cgroups.place(busy, spin.pid)
        with Agent("-c", config) as agent:
            wait_until(lambda: "anomaly{" in _text(anomalies), "the anomaly")
            wait_until(lambda: records.exists() and records.read_text(), "its record")
            agent.end()
    finally:
        spin.kill()
        spin.wait()
    assert agent.process.returncode == 0, agent.err
    lines = _text(anomalies).splitlines()
    found = [line for line in lines if line.startswith("anomaly{")]
    for part in ('app="batch"', f'contended_task_id="{busy[1:]}"', 'resource="cpus"'):
        assert all(part in line for line in found)
    assert not [line for line in found if idle in line]
    used = [float(line.split()[-2]) for line in lines if line.startswith("anomaly_value{")]
    assert min(used) > 0.1
    assert "anomaly{" not in _text(tmp_path / "metrics.txt")
    record, *_ = [json.loads(line) for line in records.read_text().splitlines()]
    assert record["verdict"] == "too much CPU"
    assert record["evidence"]["task_cpu_usage_seconds per second"] > 0.1


def _text(path):
    return path.read_text() if path.exists() else ""


def _failures(path, component):
    lines = [one for one in _text(path).splitlines() if one.startswith("wca_failures{")]
    return max((float(one.split()[-2]) for one in lines if component in one), default=0)


PLUGINS = """
import time
from wca.detectors import AnomalyDetector

class Hangs(AnomalyDetector):
    def detect(self, platform, tasks_data):
        while True:
            try:
                time.sleep(3600)
            except Exception:
                pass

class HangsAside(Hangs):
    blocking = True

class HangsInTheThird(Hangs):
    calls = 0

    def detect(self, platform, tasks_data):
        self.calls += 1
        if self.calls < 3:
            return [], []
        return super().detect(platform, tasks_data)
"""

HANGING = """
runner: !DetectionRunner
  interval: 100ms
  node: !StaticNode {{tasks: []}}
  metrics_storage: !LogStorage {{output_filename: {folder}/metrics.txt}}
  anomalies_storage: !LogStorage {{output_filename: {folder}/anomalies.txt}}
  detector: !{detector} {{}}
"""


@pytest.mark.parametrize("detector", ["Hangs", "HangsAside", "HangsInTheThird"])
def test_a_detector_that_never_returns_does_not_keep_the_agent_from_ending(tmp_path, detector):
    (tmp_path / "parts.py").write_text(PLUGINS)
    config = write_config(tmp_path, HANGING.format(folder=tmp_path, detector=detector))
    metrics = tmp_path / "metrics.txt"
    with Agent("-c", config, "-r", f"parts:{detector}", plugins=tmp_path) as agent:
        wait_until(lambda: "wca_up{" in _text(metrics), "the first measurement")
        wait_until(lambda: _text(metrics).count("wca_up{") > 20, "twenty measurements")
        wait_until(lambda: _text(tmp_path / "anomalies.txt").count("anomaly_count{") > 10, "ten")
        if detector != "HangsAside":
            failed = f'component="{detector}"'
            wait_until(lambda: _failures(metrics, failed) > 1, "the failures")
        took = agent.end()
    assert agent.process.returncode == 0, agent.err
    assert took < 10
