"""Let agents take cold memory from a task and kill a hog on cgroup v2; print what came of it, as JSON."""

import ctypes
import json
import mmap
import os
import subprocess
import sys
import time

ROOT, DISK = "/sys/fs/cgroup", "/dev/nvme0n1"
MIB = 1 << 20
HOT, ALL = 8 * MIB, 48 * MIB
JOIN = """
import mmap, os, time
with open("/sys/fs/cgroup/{name}/cgroup.procs", "w") as members:
    members.write(str(os.getpid()))
"""
#: Reads a disk once, and the first part of it again and again.
READER = f"""
disk = os.open("{DISK}", os.O_RDONLY)
for place in range({HOT}, {ALL}, {MIB}):
    os.pread(disk, {MIB}, place)
hot = mmap.mmap(disk, {HOT}, prot=mmap.PROT_READ)
hot[::4096], hot[::4096]
print("ready", flush=True)
while True:
    hot[::4096]
    time.sleep(0.1)
"""
HOLDER = """
held = bytearray({size})
print("ready", flush=True)
time.sleep(1000)
"""
RUNNER = """
runner: !AllocationRunner
  node: !StaticNode
    tasks: [{tasks}]
  interval: 1s
  act: true
  journal: /tmp/journal
  hold: /tmp/hold
  records: /tmp/{name}.jsonl
  metrics_storage: !LogStorage {{output_filename: /tmp/{name}.txt}}
  envelope: !Envelope
    {envelope}
  allocator: {allocator}
"""
RECLAIM = """!MemoryReclaimAllocator
    tiers: !Tiers {{best_effort: {{task_name: /?reader}}}}
    by: {by}
    every: 2s
    rest: 4s
    share: 0.15
    pressure: 0.05
    least: {least}
"""
OOM = """!OOMAllocator
    tiers: !Tiers {{latency_critical: {{task_name: /?precious}}}}
    rules:
      - {{name: little is left, available_below: {available}, lasting: 2s,
          victims: {{task_name: /?(hog.*|precious)}}, by: size, least: 1000000}}
"""


def start(name, program):
    """A task in a group of its own."""
    os.makedirs(f"{ROOT}/{name}", exist_ok=True)
    command = [sys.executable, "-IS", "-c", JOIN.format(name=name) + program]
    task = subprocess.Popen(command, stdout=subprocess.PIPE)
    task.stdout.readline()
    return task


def read(name, file):
    with open(f"{ROOT}/{name}/{file}") as text:
        return text.read().strip()


def agent(name, allocator, tasks, envelope, iterations):
    """Run one until its end."""
    with open(f"/tmp/{name}.yaml", "w") as config:
        tasks = ", ".join(tasks)
        config.write(RUNNER.format(name=name, allocator=allocator, tasks=tasks, envelope=envelope))
    command = [sys.executable, "-m", "wca", "run", "--root", "-c", f"/tmp/{name}.yaml"]
    command += ["--iterations", str(iterations)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    with open(f"/tmp/{name}.jsonl") as lines:
        records = [json.loads(line) for line in lines]
    return {"code": done.returncode, "err": done.stderr, "records": records}


def resident():
    """Bytes in memory of the part that is read all the time, and of the rest."""
    with open(DISK, "rb") as disk:
        whole = mmap.mmap(disk.fileno(), ALL, access=mmap.ACCESS_COPY)
    pages = (ctypes.c_ubyte * (ALL // 4096))()
    there = (ctypes.c_char * ALL).from_buffer(whole)
    assert ctypes.CDLL(None).mincore(ctypes.byref(there), ctypes.c_size_t(ALL), pages) == 0
    inside = [page & 1 for page in pages]
    return sum(inside[: HOT // 4096]) * 4096, sum(inside[HOT // 4096 :]) * 4096


def seen():
    hot, cold = resident()
    some = read("reader", "memory.pressure").split("total=")[1].split()[0]
    return {
        "time": time.monotonic(),
        "hot": hot,
        "cold": cold,
        "current": int(read("reader", "memory.current")),
        "waited": int(some) / 1e6,
        "high": read("reader", "memory.high"),
    }


def shrinks(by, envelope):
    """A task with memory that it does not use."""
    with open("/proc/sys/vm/drop_caches", "w") as drop:
        drop.write("1")
    reader = start("reader", READER)
    before = seen()
    allocator = RECLAIM.format(by=by, least=22 * MIB)
    ran = agent(by, allocator, ["reader"], envelope, 14)
    after = seen()
    reader.kill()
    reader.wait()
    return {"before": before, "after": after, "agent": ran}


def available():
    with open("/proc/meminfo") as lines:
        rows = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return rows["MemAvailable"] / rows["MemTotal"], rows["MemTotal"] * 1024


def kills():
    """Of tasks some of which may be killed, one of which has most, while there is little left."""
    sizes = {"hog-1": 30, "hog-2": 60, "precious": 90, "bystander": 120}
    tasks = {name: start(name, HOLDER.format(size=size * MIB)) for name, size in sizes.items()}
    share, total = available()
    allocator = OOM.format(available=round(share + 30 * MIB / total, 4))
    ran = agent("oom", allocator, tasks, "events_per_hour: {kill: 5}", 8)
    codes = {name: task.poll() for name, task in tasks.items()}
    for task in tasks.values():
        task.kill()
        task.wait()
    return {"codes": codes, "agent": ran}


print(
    json.dumps(
        {
            "memory_reclaim": shrinks("memory_reclaim", "events_per_hour: {memory_reclaim: 600}"),
            "memory_high": shrinks("memory_high", "decisions_per_day: 100\n    shrink_pause: 1s"),
            "oom": kills(),
        }
    )
)
