"""Let tasks meet their limits; print what the collectors say of them before and after, as JSON."""

import json
import os
import subprocess
import sys
import time
from functools import partial
from types import SimpleNamespace

from wca.collectors import NotAvailable
from wca.collectors.node_cpu import NodeCpuCollector
from wca.collectors.node_memory import NodeMemoryCollector
from wca.collectors.node_psi import NodePsiCollector
from wca.collectors.node_vmstat import NodeVmstatCollector
from wca.collectors.node_zoneinfo import NodeZoneinfoCollector
from wca.collectors.task_cpu import TaskCpuCollector
from wca.collectors.task_io import TaskIoCollector
from wca.collectors.task_memory import TaskMemoryCollector
from wca.collectors.task_memory_events import TaskMemoryEventsCollector
from wca.collectors.task_pids import TaskPidsCollector
from wca.collectors.task_psi import TaskPsiCollector
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel
from wca.nodes import Task

ROOT = "/sys/fs/cgroup"
TASK_COLLECTORS = (
    partial(TaskCpuCollector, details=True),
    partial(TaskMemoryCollector, details=True),
    partial(TaskMemoryEventsCollector, details=True),
    partial(TaskIoCollector, per_device=True, discards=True),
    TaskPidsCollector,
    TaskPsiCollector,
)
NODE_COLLECTORS = (
    NodeMemoryCollector,
    NodePsiCollector,
    partial(NodeVmstatCollector, keys="numa_|pgfault"),
    NodeZoneinfoCollector,
)
JOIN = """
import mmap, os, time
with open("/sys/fs/cgroup/{name}/cgroup.procs", "w") as members:
    members.write(str(os.getpid()))
"""
BURN = """
os.sched_setaffinity(0, [0])
end = time.process_time() + {seconds}
while time.process_time() < end: pass
"""
ALLOCATE = "held = bytearray(200_000_000)"
FORK = """
try:
    os.fork()
except OSError:
    pass
"""
READ_AND_WRITE = """
block = mmap.mmap(-1, 1 << 20)
disk = os.open("/dev/nvme0n1", os.O_RDWR | os.O_DIRECT)
for number in range(6): os.preadv(disk, [block], number << 20)
for number in range(3): os.pwritev(disk, [block], number << 20)
"""
READ_TWICE = """
disk = open("/dev/nvme0n1", "rb", buffering=0)  # when it is closed its page cache goes
for turn in range(2):
    disk.seek(0)
    while disk.read(1 << 18): pass
"""
#: Control files and programs of each task; the programs run at the same time.
TASKS = {
    "contended": ({}, [BURN.format(seconds=1.0)] * 2),
    "throttled": (
        {"cpu.max": "20000 100000", "cpu.max.burst": "20000"},
        ["time.sleep(0.5)" + BURN.format(seconds=0.5)],
    ),
    "killed": ({"memory.max": "40M"}, [ALLOCATE]),
    "slowed": ({"memory.high": "20M"}, ["held = bytearray(24_000_000)"]),
    "forking": ({"pids.max": "1"}, [FORK]),
    "reading": ({}, [READ_AND_WRITE]),
    "refaulting": ({"memory.max": "24M"}, [READ_TWICE]),
}


HOLD = """
held = bytearray(40_000_000)
print(len(held), flush=True)
time.sleep(1000)
"""
#: Control files of tasks that hold memory while they are measured.
HOLDING = {
    "first_node": {"cpuset.mems": "0"},
    "second_node": {"cpuset.mems": "1"},
}


def measure(probes):
    out = {}
    for probe in probes:
        probe.read(out)
    return out


def attach(kernel, name):
    """The probes of a task, and why a collector has none."""
    cgroup = CgroupHierarchies(kernel).locate(f"/{name}")
    target = SimpleNamespace(task=Task(name, name, f"/{name}"), cgroup=cgroup, node=kernel)
    return [collector().attach(target) for collector in TASK_COLLECTORS]


def begin(kernel, name, limits):
    """Make the group of a task; its probes."""
    os.mkdir(f"{ROOT}/{name}")
    for file, text in limits.items():
        write(f"{ROOT}/{name}/{file}", text)
    return attach(kernel, name)


def write(path, text):
    with open(path, "w") as control:
        control.write(text)


def hold(kernel, name, limits):
    """What is measured of a task that holds memory."""
    probes = begin(kernel, name, limits)
    command = [sys.executable, "-IS", "-c", JOIN.format(name=name) + HOLD]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        measured = measure(probes)
        process.kill()
    return measured


def unplug(kernel):
    """The times of CPUs before, while and after one of them is offline."""
    probe = NodeCpuCollector().attach(kernel)
    switch = "/sys/devices/system/cpu/cpu3/online"
    samples = [measure([probe])]
    for online in "01":
        write(switch, online)
        time.sleep(0.3)
        samples.append(measure([probe]))
    return samples


def run(kernel, name, limits, programs):
    """A task from its first to its last moment."""
    probes = begin(kernel, name, limits)
    before, start = measure(probes), time.monotonic()
    command = [sys.executable, "-IS", "-c"]
    running = [
        subprocess.Popen([*command, JOIN.format(name=name) + program]) for program in programs
    ]
    codes = [process.wait() for process in running]
    seconds = time.monotonic() - start
    return {"before": before, "after": measure(probes), "seconds": seconds, "codes": codes}


def machine(kernel):
    values = {}
    for collector in NODE_COLLECTORS:
        try:
            collector().attach(kernel).read(values)
        except NotAvailable as missing:
            values[collector.__name__] = missing.reason
    return values


def main():
    kernel = Kernel()
    tasks = {name: run(kernel, name, *task) for name, task in TASKS.items()}
    holding = {name: hold(kernel, name, limits) for name, limits in HOLDING.items()}
    seen = {"tasks": tasks, "holding": holding, "machine": machine(kernel)}
    print(json.dumps(seen | {"cpus": unplug(kernel)}))


main()
