"""Let pods and late controllers be measured on cgroup v2; print what was seen, as JSON."""

import json
import os
import subprocess
import sys
import time

from wca.clock import SystemClock
from wca.collectors.task_cpu import TaskCpuCollector
from wca.collectors.task_io import TaskIoCollector
from wca.collectors.task_memory import TaskMemoryCollector
from wca.collectors.task_memory_events import TaskMemoryEventsCollector
from wca.linux.files import Kernel
from wca.nodes import Task
from wca.runners.collect import Collect
from wca.runners.engine import Engine
from wca.runners.measuring import Granularity, Measuring
from wca.runners.stages import Sample

ROOT = "/sys/fs/cgroup"
COLLECTORS = (TaskCpuCollector, TaskMemoryCollector, TaskMemoryEventsCollector, TaskIoCollector)
JOIN = """
import mmap, os, time
with open("/sys/fs/cgroup{path}/cgroup.procs", "w") as members:
    members.write(str(os.getpid()))
"""
BURN = """
end = time.process_time() + 0.4
while time.process_time() < end: pass
"""
ALLOCATE = "held = bytearray(200_000_000)"
READ = """
block = mmap.mmap(-1, 1 << 20)
disk = os.open("/dev/nvme0n1", os.O_RDONLY | os.O_DIRECT)
for number in range({count}): os.preadv(disk, [block], number << 20)
"""
#: Control files and program of each container, in the order in which they run.
CONTAINERS = {
    "/pod/web": ({"cpu.max": "20000 100000"}, BURN),
    "/pod/small": ({"memory.max": "40M"}, ALLOCATE),
    "/pod/reader": ({}, READ.format(count=2)),
    "/pod/other": ({}, READ.format(count=1)),
}


def write(path, text):
    with open(f"{ROOT}{path}", "w") as control:
        control.write(text)


def make(path, limits=None, below=""):
    os.mkdir(ROOT + path)
    for file, text in (limits or {}).items():
        write(f"{path}/{file}", text)
    if below:
        write(f"{path}/cgroup.subtree_control", below)


def run(path, program):
    command = [sys.executable, "-IS", "-c", JOIN.format(path=path) + program]
    return subprocess.run(command, check=False).returncode


def stat(path):
    """What the kernel says of a group's throttling."""
    with open(f"{ROOT}{path}/cpu.stat") as lines:
        return {key: int(value) for key, value in (line.split() for line in lines)}


class Watching:
    """Measures tasks as an agent does."""

    def __init__(self):
        engine = Engine(Kernel(), SystemClock())
        self.measuring = Measuring(engine, [one() for one in COLLECTORS], 1.0, Granularity.POD)
        self.measuring.start(lambda: None)
        self._collect = Collect(self.measuring, engine.telemetry, time.monotonic, lambda: None)

    def sample(self, *tasks):
        """The numbers of the one task."""
        self.measuring.sync(tasks)
        sample = Sample(time.time())
        self._collect.run(sample)
        (one,) = sample.tasks
        return one.measurements


def pods():
    """A pod without limits, whose containers have them: while they are there, and after."""
    watching = Watching()
    make("/pod", below="+cpu +memory +io")
    for path, (limits, _) in CONTAINERS.items():
        make(path, limits)
    pod = Task("pod", "pod", "/pod", subcgroups_paths=list(CONTAINERS))
    before = watching.sample(pod)
    codes = {path: run(path, program) for path, (_, program) in CONTAINERS.items()}
    after, truth = watching.sample(pod), {path: stat(path) for path in ("/pod", "/pod/web")}
    for path in CONTAINERS:
        os.rmdir(ROOT + path)
    ended = [watching.sample(pod), watching.sample(Task("pod", "pod", "/pod"))]
    return {"before": before, "after": after, "truth": truth, "codes": codes, "ended": ended}


def late():
    """A task whose group gets the controllers of memory and I/O while it is measured."""
    watching = Watching()
    make("/late", below="+pids")
    make("/late/job")
    task = Task("job", "job", "/late/job")
    samples = [watching.sample(task) for _ in range(6)]
    write("/late/cgroup.subtree_control", "+cpu +memory")
    samples.append(watching.sample(task))
    write("/late/cgroup.subtree_control", "+io")
    samples.append(watching.sample(task))
    return [sorted(sample) for sample in samples]


print(json.dumps({"pods": pods(), "late": late()}))
