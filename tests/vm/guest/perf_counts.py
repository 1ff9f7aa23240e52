"""Count hardware events of real tasks; print what each set of events gave, as JSON.

The emulated counters grow at fixed rates while they are enabled, so the ratios are known.
"""

import json
import os
import subprocess
import sys
import time
from types import SimpleNamespace

from wca.collectors.task_perf import TaskPerfCollector
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel

ROOT = "/sys/fs/cgroup"
CPU1 = "/sys/devices/system/cpu/cpu1/online"
FOUR = ["task_cycles", "task_instructions", "task_cache_references", "task_cache_misses"]
MORE = [f"raw__r{number:02x}01" for number in (0x24, 0x51, 0x60, 0xB0, 0xD0, 0xD1)]
MORE += [f"more__r{number:02x}02" for number in range(0x30, 0x3A)]
SETS = {str(number): [*FOUR, *MORE][:number] for number in (4, 6, 10, 14, 20)}
SETS["10 the other way round"] = [*MORE[:6], *reversed(FOUR)]
CLOCKED = ["task_instructions", "task_clock_seconds", "task_cycles"]
LONE = ["task_cycles"]
BUSY = "while True: pass"
CONFIG = f"""
runner: !MeasurementRunner
  node: !StaticNode {{tasks: [busy, idle]}}
  interval: 1s
  event_names: [{", ".join(SETS["10"])}]
  enable_derived_metrics: true
  perf_aggregate_cpus: %s
"""
KERNEL = Kernel()
HIERARCHIES = CgroupHierarchies(KERNEL)


def attach(collector, task):
    """A probe of one of the tasks."""
    known, cgroup = SimpleNamespace(task_id=task), HIERARCHIES.locate(f"/{task}")
    return collector.attach(SimpleNamespace(cgroup=cgroup, node=KERNEL, task=known))


def read(probe):
    """One reading."""
    out = {}
    probe.read(out)
    return out


def measure(probe, seconds):
    """What a probe says after each of several parts of the time."""
    samples = []
    for _ in range(4):
        time.sleep(seconds / 4)
        samples.append(read(probe))
    return samples


def count(events, seconds, *, aggregate_cpus):
    """Samples of the busy task, and the last one of the idle task."""
    collector = TaskPerfCollector(events, aggregate_cpus=aggregate_cpus)
    probes = [attach(collector, task) for task in ("busy", "idle")]
    result = {"busy": measure(probes[0], seconds), "idle": read(probes[1])}
    for probe in probes:
        probe.close()
    collector.close(1.0)
    return result


def switch(text):
    """Take the second CPU away or give it back."""
    with open(CPU1, "w") as file:
        file.write(text)


def used_seconds():
    """CPU seconds of the busy task, as its cgroup says."""
    with open(f"{ROOT}/busy/cpu.stat") as file:
        return int(file.readline().split()[1]) / 1e6


def follow_cpus():
    """Readings while a CPU goes and comes: of the sum, of each CPU, of one event by itself."""
    collectors = [TaskPerfCollector(CLOCKED, aggregate_cpus=whole) for whole in (True, False)]
    collectors.append(TaskPerfCollector(LONE))
    probes = [attach(collector, "busy") for collector in collectors]
    before = used_seconds()
    steps = []

    def step(name):
        time.sleep(0.5)
        descriptors = len(os.listdir("/proc/self/fd"))
        sums, each, lone = map(read, probes)
        steps.append([name, sums, each, lone, used_seconds() - before, descriptors])

    step("both")
    switch("0")
    step("one")
    step("one still")
    switch("1")
    for probe in probes:  # so that little is missed of what runs there
        read(probe)
    step("both again")
    switch("0")
    switch("1")
    step("away between two readings")
    for name in ("back", "at last"):
        step(name)
    for probe in probes:
        probe.close()
    for collector in collectors:
        collector.close(1.0)
    return steps


def run_agent(aggregate_cpus):
    """What the agent prints in three iterations."""
    with open("/tmp/config.yaml", "w") as config:
        config.write(CONFIG % aggregate_cpus)
    command = [sys.executable, "-m", "wca", "run", "--root", "-c", config.name, "--iterations", "3"]
    agent = subprocess.run(command, capture_output=True, text=True, check=False)
    return {"code": agent.returncode, "out": agent.stdout, "err": agent.stderr}


def main():
    tasks = []
    for name in ("busy", "idle"):
        os.mkdir(f"{ROOT}/{name}")
    for _ in range(2):
        task = subprocess.Popen([sys.executable, "-IS", "-c", BUSY])
        with open(f"{ROOT}/busy/cgroup.procs", "w") as members:
            members.write(str(task.pid))
        tasks.append(task)
    time.sleep(1)
    before = len(os.listdir("/proc/self/fd"))
    result = {"sets": {}, "each cpu": {}}
    for name, events in SETS.items():
        result["sets"][name] = count(events, 1.6, aggregate_cpus=True)
        result["each cpu"][name] = count(events, 1.6, aggregate_cpus=False)
    result["clocked"] = count(CLOCKED, 1.6, aggregate_cpus=True)
    result["steps"] = follow_cpus()
    result["leaked"] = len(os.listdir("/proc/self/fd")) - before
    result["agent"] = run_agent("true")
    result["agent by cpu"] = run_agent("false")
    for task in tasks:
        task.kill()
        task.wait()
    print(json.dumps(result))


main()
