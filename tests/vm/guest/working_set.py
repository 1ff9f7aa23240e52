"""Measure a process that uses a known part of its memory, by both methods; print it as JSON.

The same task then has its waits and switches counted, and its traffic asked for.
"""

import ctypes
import json
import os
import subprocess
import sys
from types import SimpleNamespace

from wca.collectors import NotAvailable
from wca.collectors.task_network import TaskNetworkCollector
from wca.collectors.task_sched import TaskSchedCollector
from wca.collectors.task_schedstat import TaskSchedstatCollector
from wca.collectors.task_wss import TaskWssCollector
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel

GROUP = "/sys/fs/cgroup/pod"
MIB = 1 << 20
SIZE = 128 * MIB
# Uses half of its memory for each line it is given.
TASK = f"""
import mmap, sys
block = mmap.mmap(-1, {SIZE}, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
block.madvise(mmap.MADV_NOHUGEPAGE)
block.write(b"x" * {SIZE})
print("ready", flush=True)
for line in sys.stdin:
    sum(block[0 : {SIZE // 2} : 4096])
    print("done", flush=True)
"""


def read(probe):
    out = {}
    probe.read(out)
    return out


class Target:
    """The task, and the process in a group below its own."""

    def __init__(self, kernel):
        os.mkdir(GROUP)
        with open(f"{GROUP}/cgroup.subtree_control", "w") as control:
            control.write("+memory")
        os.mkdir(f"{GROUP}/container")
        join = f"import os; open('{GROUP}/container/cgroup.procs', 'w').write(str(os.getpid()))\n"
        self.process = subprocess.Popen(
            [sys.executable, "-IS", "-c", join + TASK],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.process.stdout.readline()
        self.attached = SimpleNamespace(
            node=kernel,
            cgroup=CgroupHierarchies(kernel).locate("/pod"),
            task=SimpleNamespace(task_id="pod"),
        )

    def use(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.process.stdout.readline()


def samples(probe, target):
    """After a first reading: one after half was used, one after nothing was, and half again."""
    first = read(probe)
    target.use()
    half = read(probe)
    nothing = read(probe)
    target.use()
    return {"first": first, "half": half, "nothing": nothing, "again": read(probe)}


def reason(collector, target):
    """Why the collector cannot be attached."""
    try:
        collector.attach(target.attached)
    except NotAvailable as missing:
        return missing.reason
    return None


def main():
    target = Target(Kernel())
    result = {"size": SIZE}
    by_marks = TaskWssCollector(1)
    result["clear_refs"] = samples(by_marks.attach(target.attached), target)

    by_age = TaskWssCollector(1, method="lru_gen")
    result["off"] = reason(by_age, target)
    with open("/sys/kernel/mm/lru_gen/enabled", "w") as switch:
        switch.write("y")
    result["hidden"] = reason(by_age, target)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mount(b"debugfs", b"/sys/kernel/debug", b"debugfs", 0, None) == 0
    probe = by_age.attach(target.attached)
    read(probe)  # its first window begins with the next one
    result["lru_gen"] = samples(probe, target)

    for collector in (TaskSchedCollector(), TaskSchedstatCollector()):
        result |= read(collector.attach(target.attached))
    network = TaskNetworkCollector().attach(target.attached)
    result["network"] = [read(network), read(network)]
    target.process.kill()
    target.process.wait()
    print(json.dumps(result))


main()
