"""Measure real tasks with the kernel's own resctrl; print what was seen, as JSON.

Groups that were removed are not usable again here: the emulated caches never get empty.
"""

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

from benchmarks.floor import observe, open_descriptors
from wca.collectors.task_resctrl import TaskResctrlCollector
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel
from wca.linux.resctrl.files import ResctrlFiles
from wca.linux.resctrl.tree import find_resctrl
from wca.nodes import Task

CGROUPS, RESCTRL = "/sys/fs/cgroup", "/sys/fs/resctrl"
KERNEL = Kernel()
HIERARCHIES = CgroupHierarchies(KERNEL)
# Two threads, and at a line on its input one more, and a child with two threads.
PROGRAM = """
import os, sys, threading, time
def more():
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
more()
print(1, flush=True)
sys.stdin.readline()
more()
if not os.fork():
    more()
print(2, flush=True)
time.sleep(1000)
"""
CONFIG = """
runner: !MeasurementRunner
  node: !StaticNode {tasks: [plain]}
  interval: 1s
  collectors: [!TaskCpuCollector {}, !TaskResctrlCollector {required: true}]
"""
KILLED = """
import os, sys
sys.argv = ["x"]
exec(open("/vm/job.py").read().partition("# The " + "program")[0])
collector = TaskResctrlCollector()
for name in ("kept", "gone"):
    attach(name, collector).read({})
os.kill(os.getpid(), 9)
"""


def write(path, text):
    """Write a file of the kernel."""
    with open(path, "w") as file:
        file.write(str(text))


def text(path):
    """Read one."""
    with open(path) as file:
        return file.read()


def start(name, control=""):
    """A task with one process, in a control group."""
    os.mkdir(f"{CGROUPS}/{name}")
    command, pipe = [sys.executable, "-IS", "-c", PROGRAM], subprocess.PIPE
    task = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
    task.stdout.readline()
    write(f"{CGROUPS}/{name}/cgroup.procs", task.pid)
    if control:
        move(name, control)
    return task


def threads(name):
    """Ids of a task's threads."""
    return list(map(int, text(f"{CGROUPS}/{name}/cgroup.threads").split()))


def move(name, folder):
    """Give a task's threads to a group of resctrl, as an allocator does."""
    for thread in threads(name):
        write(f"{RESCTRL}/{folder}/tasks", thread)


def places(name):
    """Where a task's threads are, each place once."""
    found = {text(f"/proc/{thread}/cpu_resctrl_groups") for thread in threads(name)}
    return sorted(place.replace("res:", "").replace("mon:", "").split() for place in found)


def attach(name, collector):
    """A probe of a task."""
    task, cgroup = Task(name, name, f"/{name}"), HIERARCHIES.locate(f"/{name}")
    return collector.attach(SimpleNamespace(task=task, cgroup=cgroup, node=KERNEL))


def read(probe):
    """What a probe says now."""
    out = {}
    probe.read(out)
    return out


def groups():
    """All monitoring groups."""
    places = find_resctrl(ResctrlFiles()).all_monitoring_groups()
    return sorted("/".join(filter(None, (p.control, p.monitoring))) for p in places)


# The program


def measured(seen):
    """Tasks in control groups, in the root and in a group of somebody else."""
    os.mkdir(f"{RESCTRL}/gold")
    write(f"{RESCTRL}/gold/schemata", "L3:0=f;1=f\nMB:0=50;1=50\n")
    os.mkdir(f"{RESCTRL}/mon_groups/theirs")
    tasks = {"gold-task": start("gold-task", "gold"), "plain": start("plain")}
    tasks["foreign"] = start("foreign", "mon_groups/theirs")
    seen["before"] = {name: places(name) for name in tasks}
    seen["schemata before"] = text(f"{RESCTRL}/gold/schemata"), text(f"{RESCTRL}/schemata")
    collector = TaskResctrlCollector()
    probes = {name: attach(name, collector) for name in tasks}
    samples = []
    for _ in range(4):
        samples.append({name: read(probe) for name, probe in probes.items()})
        time.sleep(0.2)
    seen["samples"] = samples
    seen["during"] = {name: places(name) for name in tasks}
    for task in tasks.values():
        task.stdin.write(b"\n")
        task.stdin.flush()
        task.stdout.readline()
    time.sleep(0.5)
    seen["threads"] = {name: len(threads(name)) for name in tasks}
    seen["after more threads"] = {name: places(name) for name in tasks}
    seen["schemata after"] = text(f"{RESCTRL}/gold/schemata"), text(f"{RESCTRL}/schemata")
    os.mkdir(f"{RESCTRL}/silver")
    before = read(probes["gold-task"])
    move("gold-task", "silver")
    seen["move"] = [before, read(probes["gold-task"]), read(probes["gold-task"])]
    seen["moved"] = places("gold-task")
    seen["groups"] = groups()
    for probe in probes.values():
        probe.close()
    collector.close()
    seen["closed"] = {name: places(name) for name in tasks}
    seen["groups closed"] = groups()
    return tasks


def restarted(seen):
    """An agent is killed; the next one finds its groups."""
    tasks = {name: start(name) for name in ("kept", "gone")}
    killed = subprocess.run([sys.executable, "-c", KILLED], check=False, stderr=subprocess.PIPE)
    seen["killed"] = [killed.returncode, killed.stderr.decode(), groups()]
    collector = TaskResctrlCollector()
    probe = attach("kept", collector)
    seen["kept"] = [read(probe), places("kept")]
    seen["sweep"] = collector._groups.sweep()
    seen["after sweep"] = [groups(), places("gone")]
    probe.close()
    collector.close()
    return tasks


def run_agent(seen):
    """What the agent prints, and what it leaves."""
    write("/tmp/config.yaml", CONFIG)
    command = [sys.executable, "-m", "wca", "run", "--root", "-c", "/tmp/config.yaml"]
    agent = subprocess.run(
        [*command, "--iterations", "4"], capture_output=True, text=True, check=False
    )
    seen["agent"] = [agent.returncode, agent.stdout, agent.stderr, groups()]


def cost(before, probes):
    """What one task takes, beside its floor: the same files and folders and nothing else."""
    floor = observe(before, lambda: [read(probe) for probe in probes])
    rounds = {"floor": [], "read": []}
    for _ in range(7):
        for name, run in (("floor", floor.read), ("read", lambda: [read(one) for one in probes])):
            start = time.perf_counter()
            run()
            rounds[name].append((time.perf_counter() - start) * 1e6 / len(probes))
    medians = {name: sorted(times)[3] for name, times in rounds.items()}
    return {**medians, "tasks": len(probes), "files": floor.files / len(probes)}


def exhausted(seen):
    """More tasks than the processor can tell apart."""
    collector = TaskResctrlCollector()
    before = open_descriptors()
    pids, probes = [], {}
    for number in range(40):
        name = f"many{number}"
        os.mkdir(f"{CGROUPS}/{name}")
        pid = os.fork()
        if not pid:
            signal.pause()
        pids.append(pid)
        write(f"{CGROUPS}/{name}/cgroup.procs", pid)
        probes[name] = attach(name, collector)
    numbers = {name: len(read(probe)) for name, probe in probes.items()}
    seen["exhausted"] = [
        sum(count == 4 for count in numbers.values()),
        sum(count == 0 for count in numbers.values()),
        sorted(collector.waiting) == sorted(name for name, count in numbers.items() if not count),
        sorted(set(collector.waiting.values())),
    ]
    again = {name: len(read(probe)) for name, probe in probes.items()}
    seen["again the same"] = again == numbers
    measured = [probe for name, probe in probes.items() if numbers[name]]
    seen["cost"] = cost(before, measured)
    for probe in probes.values():
        probe.close()
    collector.close()
    seen["left"] = groups()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def main():
    seen = {}
    tasks = {**measured(seen), **restarted(seen)}
    run_agent(seen)
    exhausted(seen)
    for name, task in tasks.items():
        write(f"{CGROUPS}/{name}/cgroup.kill", 1)  # with the processes that it has started
        task.wait()
    print(json.dumps(seen))


main()
