"""An agent with a budget of memory, as a process of its own: what stopping collectors brings it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TASKS = 20
# Time passes by waiting alone, so that the looks at the budget are not ten seconds apart.
AGENT = """
import logging, sys
from wca.collectors import Collector
from wca.collectors.node_topology import NodeTopologyCollector
from wca.collectors.task_cpu import TaskCpuCollector
from wca.collectors.task_memory import TaskMemoryCollector
from wca.metrics.metadata import MetricMetadata
from wca.nodes.static import StaticNode
from wca.runners import MeasurementRunner
from wca.storage import LogStorage
from wca.testing.clock import FakeClock

class Keys(Collector):
    "As many series for each task as it is told."
    def __init__(self, count):
        super().__init__()
        self.numbers = {f"key{one}": one for one in range(count)}

    @property
    def metrics(self):
        return (MetricMetadata("task_keys", "gauge", "numeric", "task", "", "", ("key",), ""),)

    def attach(self, target):
        return self

    def read(self, out):
        out["task_keys"] = dict(self.numbers)

    def close(self, timeout=0):
        pass

class InStep(LogStorage):
    "Stores on the loop's thread: its own would fall behind this clock."
    blocking = False

directory, output, memory, keys, iterations = sys.argv[1:]
logging.basicConfig(level=logging.INFO)
collectors = [TaskCpuCollector(), TaskMemoryCollector(), Keys(int(keys)), NodeTopologyCollector()]
runner = MeasurementRunner(
    StaticNode(tasks=[], directory=directory),
    InStep(output_filename=output, overwrite=True),
    interval=2.0,
    collectors=collectors,
    budget={"memory": int(memory)},
    clock=FakeClock(),
)
runner.stop_after(int(iterations))
sys.exit(runner.run())
"""


MANY, FEW = 2000, 10  # series for each task


@pytest.fixture
def run(tmp_path, real_cgroups):
    """Runs the agent: memory at the end, states of collectors, steps taken, and its log."""
    for number in range(TASKS):
        real_cgroups.make(f"task{number}")
    output = tmp_path / "metrics.prom"

    def run(memory, keys):
        arguments = [real_cgroups.parent, output, memory, keys, 60]
        done = subprocess.run(
            [sys.executable, "-c", AGENT, *map(str, arguments)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return *numbers(output.read_text()), done.stderr

    return run


def numbers(text):
    (memory,) = re.findall(r"^wca_memory_usage_bytes\{.*} (\d+)$", text, re.MULTILINE)
    state = r'^wca_collector_state\{collector="(\w+)",.*state="(\w+)",.*} 1$'
    (level,) = re.findall(r"^wca_budget_level\{.*} (\d+)$", text, re.MULTILINE)
    return int(memory), dict(re.findall(state, text, re.MULTILINE)), int(level)


def test_an_agent_that_cannot_get_smaller_measures_all_it_was_told_to(run):
    _, states, level, log = run(1 << 20, FEW)
    assert set(states.values()) == {"working"}
    assert level == 0
    # Each collector but the first was tried, the last one first, and went on.
    tried = re.findall(r"(\w+) goes on: its stop has freed no memory", log)
    assert tried == ["NodeTopologyCollector", "Keys", "TaskMemoryCollector"]
    assert log.count("nothing is left to save") == 1


def test_a_collector_whose_series_are_what_is_too_much_stays_stopped(run):
    whole, states, _, _ = run(1 << 40, MANY)
    assert set(states.values()) == {"working"}
    budget = whole * 9 // 10
    memory, states, level, log = run(budget, MANY)
    assert states["Keys"] == "stopped"
    assert states["TaskCpuCollector"] == "working"
    assert memory < budget
    assert level >= 1
    assert "nothing is left to save" not in log
