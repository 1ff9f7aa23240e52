"""Run the agent on three real tasks; print what it said and what the kernel says, as JSON.

The tasks do their work and then only sleep, so that the truth no longer changes when it is read.
"""

import json
import os
import subprocess
import sys

ROOT = "/sys/fs/cgroup"
CONFIG = "/tmp/config.yaml"
# What a task has used before it joins its group is not the group's.
JOIN = """
import os, resource, time
def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
with open("{group}/cgroup.procs", "w") as members:
    members.write(str(os.getpid()))
before = used()
"""
BURN = """
while used() - before < {seconds}:
    pass
print(used() - before, flush=True)
time.sleep(1000)
"""
ALLOCATE = """
held = bytearray(50_000_000)
print(len(held), flush=True)
time.sleep(1000)
"""
TASKS = {
    "busy": (BURN.format(seconds=2), {}),
    "large": (ALLOCATE, {"memory.max": "200M"}),
    "slowed": (BURN.format(seconds=0.4), {"cpu.max": "20000 100000"}),
}


def start(name, program, limits):
    """Start a task in a group of its own; answers with the process and what it said when ready."""
    group = f"{ROOT}/{name}"
    os.mkdir(group)
    for file, text in limits.items():
        with open(f"{group}/{file}", "w") as control:
            control.write(text)

    command = [sys.executable, "-IS", "-c", JOIN.format(group=group) + program]
    task = subprocess.Popen(command, stdout=subprocess.PIPE)
    return task, float(task.stdout.readline())


def read_flat(name, file):
    """A file of `key value` lines as numbers."""
    with open(f"{ROOT}/{name}/{file}") as lines:
        return {key: int(value) for key, value in (line.split() for line in lines)}


def main():
    said = {}
    tasks = []
    for name, (program, limits) in TASKS.items():
        task, said[name] = start(name, program, limits)
        tasks.append(task)
    with open(CONFIG, "w") as config:
        names = "".join(f"      - {name}\n" for name in TASKS)
        config.write(
            "runner: !MeasurementRunner\n  node: !StaticNode\n    tasks:\n"
            f"{names}  interval: 1s\n  metrics_storage: !LogStorage\n"
        )
    command = [sys.executable, "-m", "wca", "run", "--root", "-c", CONFIG, "--iterations", "2"]
    agent = subprocess.run(command, capture_output=True, text=True, check=False)
    truth = {
        "said": said,
        "stat": {name: read_flat(name, "cpu.stat") for name in TASKS},
        "current": int(open(f"{ROOT}/large/memory.current").read()),  # noqa: SIM115
    }
    for task in tasks:
        task.kill()
        task.wait()
    print(
        json.dumps(
            {"out": agent.stdout, "err": agent.stderr, "code": agent.returncode, "truth": truth}
        )
    )


main()
