"""Act on real tasks with the kernel's own resctrl; print what was seen, as JSON."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

from acting import Acting
from schemata_rules import answers

from wca.allocations.files import KernelFiles
from wca.allocations.journal import Journal, recover
from wca.allocations.resctrl.opening import find_resctrl_files, remove_all_groups
from wca.allocators import AllocationType, ContentionAllocator, RDTAllocation, Tiers
from wca.detectors import (
    AnomalyDetector,
    ContendedResource,
    ContentionAnomaly,
    Evidence,
    Suspect,
    TaskData,
)
from wca.detectors.interfering.verdicts import Verdict
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel
from wca.testing.detectors import a_platform, a_task

CGROUPS, RESCTRL, JOURNAL = "/sys/fs/cgroup", "/sys/fs/resctrl", "/run/wca/journal"
LEASE = 3.0
START = a_platform().monotonic
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
    time.sleep(1000)
print(2, flush=True)
time.sleep(1000)
"""
CONFIG = """
runner: !AllocationRunner
  node: !StaticNode {tasks: [job]}
  interval: 1s
  act: true
  lease: 5s
  collectors: [!TaskCpuCollector {}, !TaskResctrlCollector {required: true}]
  allocator: !StaticAllocator
    rules: [{allocations: {rdt: {l3: "L3:0=f", mb: "MB:0=20"}}}]
"""


def text(path):
    with open(path) as file:
        return file.read()


def write(path, content):
    with open(path, "w") as file:
        file.write(str(content))


def start(name):
    """A task with one process of two threads."""
    os.mkdir(f"{CGROUPS}/{name}")
    command, pipe = [sys.executable, "-IS", "-c", PROGRAM], subprocess.PIPE
    task = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
    task.stdout.readline()
    write(f"{CGROUPS}/{name}/cgroup.procs", task.pid)
    return task


def threads(name):
    return list(map(int, text(f"{CGROUPS}/{name}/cgroup.threads").split()))


def where(name):
    """The control groups that a task's threads are in."""
    found = {text(f"/proc/{one}/cpu_resctrl_groups").split("\n")[0][4:] for one in threads(name)}
    return sorted(found)


def rows(group=""):
    """The schemata of a group, line by line without spaces."""
    lines = text(f"{RESCTRL}/{group}/schemata").replace(" ", "").split("\n")
    return sorted(line for line in lines if line)


def groups():
    names = next(os.walk(RESCTRL))[1]
    return sorted(set(names) - {"info", "mon_data", "mon_groups"})


def everything():
    """All that an agent could have changed."""
    return [
        {name: rows(name) for name in ["", *groups()]},
        {name: where(name) for name in sorted(tasks)},
        sorted(os.listdir(f"{RESCTRL}/mon_groups")),
    ]


def acting(**options):
    """An agent's hands."""
    journal = Journal(JOURNAL, lease=LEASE)
    journal.open()
    locate = CgroupHierarchies(Kernel()).locate
    one = Acting(locate, cpus=4, files=KernelFiles(), journal=journal, **options)
    one.gate._expires = lambda: time.time() + LEASE
    one.tasks = {name: TaskData(name, name, f"/{name}") for name in tasks}
    return one


def ask(one, **asked):
    values = {name: {"rdt": RDTAllocation(**value)} for name, value in asked.items()}
    return {name: str(answer) for (name, _), answer in one.ask(values).items()}


def killed(**asked):
    """An agent that is killed when it has done all that it wants."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, json.dumps(ask(acting(), **asked)).encode())
            time.sleep(100)
        finally:
            os._exit(1)
    answer = json.loads(os.read(reading, 10_000))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return answer


def guardian():
    """What a process of its own does in one look."""
    command = [sys.executable, "-m", "wca.allocations.guardian", "--once", "--journal", JOURNAL]
    subprocess.run(command, check=True, capture_output=True, timeout=30)


def end(one):
    undone = sorted(one.undo())
    one.journal.close()
    return undone


class Accuses(AnomalyDetector):
    """From the 24th second on: ``other`` harms ``job``."""

    def detect(self, platform, tasks_data):
        if platform.monotonic - START < 24:
            return [], []
        limit = {"cycles per instruction": 1.2}
        return [
            ContentionAnomaly(
                ContendedResource.MEMORY_BW,
                "job",
                ["other"],
                verdict=Verdict.MEMORY_NEIGHBOUR,
                evidence=Evidence({}, limit, 3.0),
                suspects=[Suspect("other", 0.9, 0.9)],
            )
        ], []


def held_back():
    """What an allocator does about it in 40 seconds, and the rows of the neighbour in each."""
    one, found, cycles = acting(), [], 0.0
    allocator = ContentionAllocator(Accuses(), Tiers(best_effort={"task_name": "other"}))
    for second in range(1, 41):
        held = "wca-task.other" in groups()
        found.append(rows("wca-task.other") if held else [])
        cycles += 2e9 if second > 20 and not held else 1e9
        numbers = {
            "job": {"task_instructions": 1e9 * second, "task_cycles": cycles},
            "other": {"task_cpu_usage_seconds": 1.0 * second},
        }
        asked = {name: a_task(name, numbers[name]) for name in numbers}
        for name, task in asked.items():
            task.allocations = {AllocationType.RDT: one.rdt.read(one.tasks[name])}
        answer, _, _ = allocator.allocate(a_platform(float(second)), asked)
        one.ask(answer)
    return [found, end(one)]


def agent():
    write("/tmp/config.yaml", CONFIG)
    command = [sys.executable, "-m", "wca", "run", "--root", "-c", "/tmp/config.yaml"]
    with open("/tmp/out", "w") as out:
        return subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)


def eventually(condition, seconds=40):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.2)
    return condition()


class Seen(dict):
    """Says how far it has come, for a run that does not come to its end."""

    def __setitem__(self, name, value):
        print(f"{time.monotonic():.1f} {name}: {value}", file=sys.stderr, flush=True)
        super().__setitem__(name, value)


seen = Seen()
tasks = {name: start(name) for name in ("job", "other")}
with contextlib.suppress(OSError):  # so that numbers of removed groups are usable again
    write(f"{RESCTRL}/info/L3_MON/max_threshold_occupancy", 1 << 22)

# What the kernel takes
os.mkdir(f"{RESCTRL}/gold")
GOLD = f"{RESCTRL}/gold/schemata"
seen["rules"] = answers(lambda rows: write(GOLD, rows), lambda: text(GOLD))
write(GOLD, "L3:0=ff;1=ff\n")
write(GOLD, "MB:0=90;1=90\n")

# A group of its own
before = seen["before"] = everything()
one = acting()
seen["own"] = ask(one, job={"l3": "L3:0=f;1=3f", "mb": "MB:0=33"})
seen["own rows"] = rows("wca-task.job")
seen["own where"] = [where("job"), where("other")]
seen["own in force"] = dataclasses.astuple(one.rdt.read(one.tasks["job"]))
tasks["job"].stdin.write(b"\n")
tasks["job"].stdin.flush()
tasks["job"].stdout.readline()
late = subprocess.Popen([sys.executable, "-IS", "-c", "import time; time.sleep(1000)"])
write(f"{CGROUPS}/job/cgroup.procs", late.pid)
seen["own late"] = where("job")
seen["own again"] = ask(one, job={"l3": "L3:0=f;1=3f", "mb": "MB:0=33"})
seen["own followed"] = [where("job"), len(threads("job"))]
seen["gap"] = ask(one, job={"l3": "L3:0=5"})
seen["own undone"] = [end(one), everything() == before]

# Shared, of somebody else, and the root group
one = acting()
seen["shared"] = ask(one, job={"name": "be", "l3": "0=3"}, other={"name": "be", "l3": "0=7"})
seen["named"] = ask(one, job={"name": "be", "l3": "0=3"}, other={"name": "gold", "mb": "0=50"})
seen["named where"] = [where("job"), where("other"), rows("gold")]
seen["root"] = ask(one, job={"name": "", "l3": "1=3ff"})
ask(one)
seen["root rows"] = [rows(), groups(), where("job")]
seen["shared undone"] = [end(one), everything() == before]

# Killed
seen["killed"] = killed(job={"l3": "0=f"}, other={"name": "gold", "l3": "0=1"})
seen["killed rows"] = [rows("wca-task.job"), rows("gold"), where("other")]
guardian()
seen["lease"] = everything() == before
time.sleep(LEASE + 0.2)
guardian()
seen["guardian"] = everything() == before

killed(job={"name": "", "mb": "0=50"}, other={"l3": "0=1"})
journal, kernel_files = Journal(JOURNAL, lease=LEASE), find_resctrl_files(KernelFiles())[0]
journal.open()
seen["next start"] = [everything() == before]
recover(journal, kernel_files, time.time())
journal.close()
seen["next start"].append(everything() == before)

# No more of them
more = [f"task{number}" for number in range(8)]
tasks |= {name: start(name) for name in more}
before = everything()
one = acting()
seen["many"] = ask(one, **{name: {"l3": "0=f"} for name in more})
seen["regrouped"] = ask(one, **{name: {"name": "be"} for name in more[:6]}, task7={"mb": "0=10"})
ask(one)
seen["regrouped groups"] = groups()
again = {name: {"name": "be"} for name in more[:6]}
begun = time.perf_counter()
ask(one, **again)
middle = time.perf_counter()
for name in again:
    one.rdt.read(one.tasks[name])
ended = time.perf_counter()
each = 1e6 / len(again)
seen["cost"] = {
    "tasks": len(again),
    "unchanged": (middle - begun) * each,
    "read": (ended - middle) * each,
}
one.rdt._known = dataclasses.replace(one.rdt.control(), closids=99)
seen["ENOSPC"] = ask(one, **{name: {"l3": "0=f"} for name in more[:6]})
seen["many undone"] = [end(one), everything() == before]
os.mkdir(f"{RESCTRL}/wca-task.left")
seen["removed"] = [remove_all_groups(kernel_files), everything() == before]

# An allocator that finds its neighbour in the memory bandwidth: its numbers are made up, the rest is not
seen["neighbour"] = held_back()
seen["neighbour given back"] = everything() == before

# The whole agent
run = agent()
done = eventually(lambda: os.path.exists(f"{RESCTRL}/wca-task.job/mon_groups/wca-job"))
measured = eventually(lambda: "task_mem_bandwidth_bytes" in text("/tmp/out"))
seen["agent acts"] = [done, measured, rows("wca-task.job") if done else text("/tmp/out")]
run.terminate()
seen["agent ends"] = [
    run.wait(30),
    everything() == before,
    text("/tmp/out")[-3000:] if run.returncode else "",
]
run = agent()
eventually(lambda: where("job") == ["wca-task.job"])
run.kill()
run.wait()
seen["agent killed"] = everything() == before
subprocess.run([sys.executable, "-m", "wca", "undo", "--yes"], check=True, stdout=subprocess.PIPE)
rest = [name for name in groups() if name.startswith("wca-")]
seen["agent undone"] = [rest, everything()[:2] == before[:2]]
print(json.dumps(seen))
for task in (*tasks.values(), late):
    task.kill()
