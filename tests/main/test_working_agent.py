"""The agent learns the work of real tasks from what their applications write."""

import re
import signal
import subprocess
import sys

from tests.main.agent import Agent, environment, wait_until, write_config

CONFIG = """
runner: !MeasurementRunner
  interval: 200ms
  enable_derived_metrics: true
  node: !StaticNode
    tasks: [{task}]
    tasks_labels:
      {task}: {{app: shop}}
  metrics_storage: !LogStorage {{output_filename: {folder}/metrics.txt}}
  extra_collectors:
    - !TaskWorkCollector
      sources:
        - {source}
"""
GENERATOR = """
import time
done = 0
while True:
    done += 7
    print(f"operations={done} latency=25", flush=True)
    time.sleep(0.05)
"""


def values(folder, name):
    file = folder / "metrics.txt"
    text = file.read_text() if file.exists() else ""
    return [float(value) for value in re.findall(rf"^{name}\{{[^}}]*\}} (\S+)", text, re.MULTILINE)]


def agent_of(folder, task, source):
    text = CONFIG.format(task=task[1:], folder=folder, source=source)
    return Agent("-c", write_config(folder, text))


def test_what_a_load_generator_prints_under_wca_wrap_is_work_of_the_task(real_cgroups, tmp_path):
    task, file = real_cgroups.make("shop"), tmp_path / "f.prom"
    real_cgroups.worker(task)
    wrap = [sys.executable, "-m", "wca", "wrap", "--output", str(file), "--label", "app=shop"]
    wrap += ["--interval", "100ms", "--sli", "latency", "--slo", "10"]
    generator = subprocess.Popen(
        [*wrap, "--", sys.executable, "-c", GENERATOR], env=environment(), stdout=subprocess.DEVNULL
    )
    source = (
        f"!WorkSharedPage {{path: {file}, series_label: app, "
        "work: operations, sli: sli_normalized}"
    )
    try:
        with agent_of(tmp_path, task, source) as agent:
            wait_until(lambda: len(set(values(tmp_path, "task_work"))) > 4, "some work")
            agent.end()
    finally:
        generator.send_signal(signal.SIGTERM)
        generator.wait(30)
    assert agent.process.returncode == 0, agent.err
    work = values(tmp_path, "task_work")
    assert work == sorted(work)
    assert {count % 7 for count in work} == {0}
    assert set(values(tmp_path, "task_sli_normalized")) == {2.5}


def test_a_unit_of_work_costs_the_cpu_time_that_its_task_used_for_it(real_cgroups, tmp_path):
    task, file = real_cgroups.make("shop"), tmp_path / "shop"
    worker = real_cgroups.worker(task)
    costs = lambda: values(tmp_path, "task_cpu_seconds_per_work")  # noqa: E731 - a name for it
    used, units = 0.0, 0
    with agent_of(tmp_path, task, f"!WorkCounterFile {{path: '{tmp_path}/{{app}}'}}") as agent:
        while len(costs()) < 12 and units < 300:
            units += 2
            used += worker.burn(0.1)
            file.write_text(f"{units}\n")
        agent.end()
    assert agent.process.returncode == 0, agent.err
    assert len(costs()) >= 12
    mean = sum(costs()) / len(costs())
    assert used / units / 2 < mean < 2 * used / units


def test_a_page_that_cannot_be_had_is_said_once_and_costs_nothing_else(real_cgroups, tmp_path):
    task = real_cgroups.make("shop")
    real_cgroups.worker(task)
    file = tmp_path / "f.prom"
    source = f"!WorkSharedPage {{path: {file}, series_label: app, work: operations}}"
    with agent_of(tmp_path, task, source) as agent:
        wait_until(lambda: values(tmp_path, "task_cpu_usage_seconds"), "a sample")
        file.write_text("<html>")
        wait_until(lambda: max(values(tmp_path, "wca_failures"), default=0) > 3, "failures")
        file.write_text('operations{app="shop"} 5\n')
        wait_until(lambda: values(tmp_path, "task_work"), "work")
        agent.end()
    assert agent.process.returncode == 0
    fails = [line for line in agent.err.splitlines() if "TaskWorkCollector fails" in line]
    assert len(fails) == 1
    assert "f.prom: it is no text of Prometheus" in fails[0]
    assert "TaskWorkCollector works again" in agent.err
