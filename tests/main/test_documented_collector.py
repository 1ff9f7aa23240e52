"""The collector of docs/extending.md, as it is printed there, in an agent that measures real tasks."""

import os
import re

import pytest

from tests.docs.pages import blocks
from tests.main.agent import Agent, wait_until, write_config

CONFIG = """
runner: !MeasurementRunner
  interval: 100ms
  node: !StaticNode
    tasks: [{tasks}]
  collectors:
    - !OpenFilesCollector
      interval: 200ms
  metrics_storage: !LogStorage
    output_filename: {output}
    overwrite: true
"""
SAMPLE = re.compile(r'^task_open_files\{.*task_id="([^"]*)".*\} (\S+)', re.MULTILINE)

OF_COLLECTOR = re.compile(
    r'^wca_collector_(\w+)\{collector="OpenFilesCollector"(?:.*state="(\w+)")?', re.MULTILINE
)


@pytest.fixture
def plugins(tmp_path):
    """A folder with the documented code as a module."""
    (code,) = [text for page, _, text in blocks("python") if "class OpenFilesCollector" in text]
    (tmp_path / "open_files.py").write_text(code)
    return tmp_path


def test_a_blocking_collector_of_tasks_brings_a_metric_of_its_own(real_cgroups, plugins):
    paths = [real_cgroups.make(name) for name in ("opens", "idle")]
    workers = [real_cgroups.worker(path) for path in paths]
    output = plugins / "out.prom"
    config = CONFIG.format(tasks=", ".join(path[1:] for path in paths), output=output)

    def text():
        return output.read_text() if output.exists() else ""

    def shown():
        """The last values by the cgroup path of the task."""
        return {"/" + name.strip("/"): float(value) for name, value in SAMPLE.findall(text())}

    def truth():
        return {
            path: len(os.listdir(f"/proc/{worker.pid}/fd"))
            for path, worker in zip(paths, workers, strict=True)
        }

    registered = ("-r", "open_files:OpenFilesCollector")
    started = ("-c", write_config(plugins, config), *registered)
    with Agent(*started, plugins=plugins) as agent:
        wait_until(lambda: shown() == truth(), "the numbers of both tasks")
        before = truth()
        workers[0].do("files = [open('/dev/null') for _ in range(7)]")
        wait_until(lambda: shown() == before | {paths[0]: before[paths[0]] + 7}, "seven more")
        described = text()
        agent.end()
    assert agent.process.returncode == 0, agent.err
    help_ = "Files that the processes of the task have open."
    assert f"# HELP task_open_files {help_}\n# TYPE task_open_files gauge\n" in described
    assert OF_COLLECTOR.findall(described).count(("state", "working")) == 1
    assert [name for name, _ in OF_COLLECTOR.findall(described)].count("age_seconds") == 1
