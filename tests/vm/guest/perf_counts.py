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
FOUR = ["task_cycles", "task_instructions", "task_cache_references", "task_cache_misses"]
RAW = [f"raw__r{number:02x}01" for number in (0x24, 0x51, 0x60, 0xB0, 0xD0, 0xD1)]
SETS = {
    "four": FOUR,
    "ten": [*FOUR, *RAW],
    "ten the other way round": [*RAW, *reversed(FOUR)],
    "two and a clock": ["task_instructions", "task_clock_seconds", "task_cycles"],
    "twenty": [*FOUR, *RAW, "task_branches", "task_branch_misses"]
    + [f"more__r{number:02x}02" for number in range(0x30, 0x38)],
}
BUSY = "while True: pass"
CONFIG = f"""
runner: !MeasurementRunner
  node: !StaticNode {{tasks: [busy, idle]}}
  interval: 1s
  event_names: [{", ".join(SETS["ten"])}]
  enable_derived_metrics: true
"""


def measure(probe, seconds):
    """What a probe says after each of several parts of the time."""
    samples = []
    for _ in range(4):
        time.sleep(seconds / 4)
        out = {}
        probe.read(out)
        samples.append(out)
    return samples


def run_agent():
    """What the agent prints in three iterations."""
    with open("/tmp/config.yaml", "w") as config:
        config.write(CONFIG)
    command = [sys.executable, "-m", "wca", "run", "--root", "-c", config.name, "--iterations", "3"]
    agent = subprocess.run(command, capture_output=True, text=True, check=False)
    return {"code": agent.returncode, "out": agent.stdout, "err": agent.stderr}


def main():
    hierarchies = CgroupHierarchies(Kernel())
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
    result = {"sets": {}}
    for name, events in SETS.items():
        collector = TaskPerfCollector(events)
        probes = {
            task: collector.attach(SimpleNamespace(cgroup=hierarchies.locate(f"/{task}")))
            for task in ("busy", "idle")
        }
        idle = {}
        result["sets"][name] = {"busy": measure(probes["busy"], 4), "idle": idle}
        probes["idle"].read(idle)
        for probe in probes.values():
            probe.close()
    result["leaked"] = len(os.listdir("/proc/self/fd")) - before
    result["agent"] = run_agent()
    for task in tasks:
        task.kill()
        task.wait()
    print(json.dumps(result))


main()
