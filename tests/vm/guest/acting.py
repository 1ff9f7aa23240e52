"""Let the agent write every knob of cgroup v2 and do every event; print what came of it, as JSON.

Each type of allocation has a task of its own: a process that feels it. What the kernel has in its
files is noted before the agent starts, while it acts, and after it has ended.
"""

import json
import mmap
import os
import signal
import subprocess
import sys
import time

ROOT = "/sys/fs/cgroup"
DISK = "/dev/nvme0n1"
RECORDS, CONFIG, LOG = "/tmp/records", "/tmp/config.yaml", "/tmp/log"
MIB = 1 << 20
PAGE = 4096
#: By task: what it is granted.
GRANTED = {
    "quota": {"cpu_quota": 0.1},
    "shares": {"cpu_shares": 0.5},
    "weight": {"cpu_weight": 10},
    "idle": {"cpu_idle": 1},
    "burst": {"cpu_quota": 0.1, "cpu_burst": 0.05},
    "cpus": {"cpuset_cpus": "2-3"},
    "mems": {"cpuset_mems": [1]},
    "memory_max": {"memory_max": 48 * MIB},
    "memory_high": {"memory_high": 24 * MIB},
    "memory_low": {"memory_low": 16 * MIB},
    "io_weight": {"io_weight": 50},
    "io_max": {"io_max": {"nvme0n1": {"rbps": 2 * MIB}}},
    "pids": {"pids_max": 10},
    "migrate": {"migrate_pages": 1},
    "reclaim": {"memory_reclaim": 4 * MIB},
    "kill": {"kill": "it is the test's"},
}
#: By task: files that are not as the kernel has made them.
BEFORE = {
    "idle": {"cpu.weight": "250"},
    "io_max": {"io.max": "{disk} wbps=9000000"},
    "memory_max": {"memory.max": str(600 * MIB)},
}
FILES = [
    *("cpu.max", "cpu.max.burst", "cpu.weight", "cpu.idle", "cpuset.cpus", "cpuset.mems"),
    *("memory.max", "memory.high", "memory.low", "io.weight", "io.max", "pids.max"),
]


def read(path):
    with open(path) as file:
        return file.read().strip()


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


class Task:
    """A process in a group of its own that does what it is told."""

    def __init__(self, name):
        self.group = f"{ROOT}/{name}"
        os.mkdir(self.group)
        theirs, self.answers = os.pipe(), os.pipe()
        self.pid = os.fork()
        if not self.pid:
            self._serve(theirs[0], self.answers[1])
        os.close(theirs[0])
        os.close(self.answers[1])
        self.orders = os.fdopen(theirs[1], "w")
        self.answers = os.fdopen(self.answers[0])

    def begin(self, name, *arguments):
        self.orders.write(json.dumps([name, arguments]) + "\n")
        self.orders.flush()

    def end(self):
        return json.loads(self.answers.readline() or "null")

    def do(self, name, *arguments):
        self.begin(name, *arguments)
        return self.end()

    def stat(self, file):
        pairs = (line.split() for line in read(f"{self.group}/{file}").splitlines())
        return {key: int(value) for key, value in pairs}

    def _serve(self, orders, answers):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for output in (1, 2):  # who reads what the job prints must not wait for this process
            os.dup2(nowhere, output)
        write(f"{self.group}/cgroup.procs", str(os.getpid()))
        with os.fdopen(orders) as lines, os.fdopen(answers, "w") as out:
            for line in lines:
                name, arguments = json.loads(line)
                out.write(json.dumps(ORDERS[name](*arguments)) + "\n")
                out.flush()
        os._exit(0)


held = []


def burn(seconds, cpu=None):
    """CPU seconds that it got in so many seconds."""
    if cpu is not None:
        os.sched_setaffinity(0, [cpu])
    start, end = time.process_time(), time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return time.process_time() - start


def allocate(mib, cpu=None):
    """Have so much memory, on the node of a CPU."""
    if cpu is not None:
        os.sched_setaffinity(0, [cpu])
    block = mmap.mmap(-1, mib * MIB, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    block.madvise(mmap.MADV_NOHUGEPAGE)
    for place in range(0, mib * MIB, PAGE):
        block[place] = 1
    held.append(block)


def pages():
    """Pages of large blocks of memory by node."""
    found = {"0": 0, "1": 0}
    for line in read("/proc/self/numa_maps").splitlines():
        counts = dict(word[1:].split("=") for word in line.split() if word[:2] in ("N0", "N1"))
        if sum(map(int, counts.values())) > 4 * MIB // PAGE:
            for node, count in counts.items():
                found[node] += int(count)
    return found


def affinity():
    return sorted(os.sched_getaffinity(0))


def run_anywhere():
    os.sched_setaffinity(0, range(4))


def child_that_allocates(mib):
    """How a child ends that wants so much memory."""
    pid = os.fork()
    if not pid:
        allocate(mib)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def fork_on():
    """How many children it may have."""
    children = []
    try:
        while len(children) < 100:
            pid = os.fork()
            if not pid:
                time.sleep(100)
                os._exit(0)
            children.append(pid)
    except BlockingIOError:
        pass
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return len(children)


def read_disk(mib, direct):
    """Seconds that it takes to read from the disk."""
    flags = os.O_RDONLY | (os.O_DIRECT if direct else 0)
    file = os.open(DISK, flags)
    buffer = mmap.mmap(-1, MIB // 4)
    start = time.monotonic()
    for _ in range(mib * 4):
        os.readv(file, [buffer])
    if not direct:
        held.append(file)  # the pages stay as long as somebody has the disk open
    return time.monotonic() - start


def have_child():
    pid = os.fork()
    if not pid:
        time.sleep(1000)
    return pid


ORDERS = {
    one.__name__: one
    for one in (
        *(
            burn,
            allocate,
            pages,
            affinity,
            run_anywhere,
            child_that_allocates,
            fork_on,
            read_disk,
            have_child,
        ),
    )
}


def snapshot(tasks):
    return {
        name: {file: read(f"{one.group}/{file}") for file in FILES} for name, one in tasks.items()
    }


def start_agent(tasks, allocator):
    write(
        CONFIG,
        "runner: !AllocationRunner\n"
        f"  node: !StaticNode {{tasks: {json.dumps(tasks)}}}\n"
        "  interval: 1s\n  lease: 60s\n  act: true\n  journal: /tmp/journal\n  hold: /tmp/hold\n"
        f"  records: {RECORDS}\n"
        "  metrics_storage: !LogStorage {output_filename: /tmp/metrics}\n"
        "  envelope: !Envelope {events_per_hour: {kill: 1}}\n"
        f"  allocator: {allocator}\n",
    )
    os.chmod(CONFIG, 0o600)
    command = [sys.executable, "-m", "wca", "run", "--root", "-c", CONFIG]
    with open(LOG, "w") as log:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)


def stop(agent):
    """How it has ended, and what it said."""
    agent.send_signal(signal.SIGTERM)
    return [agent.wait(30), read(LOG)]


def records():
    if not os.path.exists(RECORDS):
        return []
    with open(RECORDS) as lines:
        return [json.loads(line) for line in lines if line.endswith("\n")]


def wait_for(what, seconds=40):
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.2)


def feel(tasks):
    """What the processes feel while the agent acts."""
    tasks["quota"].do("burn", 1.0)
    time.sleep(0.5)  # for the budget of a burst
    for _ in range(5):
        tasks["burst"].do("burn", 0.06)
        time.sleep(0.2)
    shared = {}
    for name in ("weight", "idle"):
        both = (tasks[name], tasks["plain"])
        for one in both:
            one.begin("burn", 1.5, 3)
        shared[name] = [one.end() for one in both]
    tasks["memory_high"].do("allocate", 24)
    return {
        "shared": shared,
        "throttled": tasks["quota"].stat("cpu.stat")["nr_throttled"],
        "bursts": tasks["burst"].stat("cpu.stat")["nr_bursts"],
        "affinity": tasks["cpus"].do("affinity"),
        "mems": tasks["mems"].do("pages"),
        "migrate": tasks["migrate"].do("pages"),
        "child": tasks["memory_max"].do("child_that_allocates", 64),
        "high": tasks["memory_high"].stat("memory.events")["high"],
        "children": tasks["pids"].do("fork_on"),
        "seconds": tasks["io_max"].do("read_disk", 4, True),
        "cache": tasks["reclaim"].stat("memory.stat")["file"],
        "killed": [ends(tasks["kill"].pid), read(f"{tasks['kill'].group}/cgroup.events")],
    }


def ends(pid):
    for _ in range(50):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.1)
    return None


def prepare():
    """The tasks as they are before the agent comes."""
    write("/proc/sys/kernel/numa_balancing", "0")
    disk = read("/sys/block/nvme0n1/dev")
    tasks = {name: Task(name) for name in (*GRANTED, "plain")}
    for name, files in BEFORE.items():
        for file, text in files.items():
            write(f"{tasks[name].group}/{file}", text.format(disk=disk))
    for name in ("mems", "migrate"):
        tasks[name].do("allocate", 24, 0)
    tasks["reclaim"].do("read_disk", 16, False)
    tasks["kill"].do("have_child")
    return tasks


def wait_for_records(agent, wanted):
    wait_for(
        lambda: (
            agent.poll() is not None
            or {(one["task_id"], one["allocation_type"]) for one in records()} >= wanted
        )
    )


def act():
    """Grant every task what a person has decided."""
    tasks = prepare()
    before = {
        "files": snapshot(tasks),
        "mems": tasks["mems"].do("pages"),
        "migrate": tasks["migrate"].do("pages"),
        "cache": tasks["reclaim"].stat("memory.stat")["file"],
    }
    rules = [{"task_id": name, "allocations": one} for name, one in GRANTED.items()]
    agent = start_agent(list(GRANTED), f"!StaticAllocator {{rules: {json.dumps(rules)}}}")
    wait_for_records(agent, {(name, type_) for name, one in GRANTED.items() for type_ in one})
    during = snapshot(tasks)
    felt = feel(tasks)
    ended = stop(agent)
    return {
        "before": before,
        "during": during,
        "after": snapshot(tasks),
        "felt": felt,
        "records": records(),
        "agent": ended,
        "disk": read("/sys/block/nvme0n1/dev"),
    }


def bind():
    """Let an allocator choose a node for a task, while another one has the first."""
    os.remove(RECORDS)
    tasks = {name: Task(name) for name in ("spread", "first")}
    write(f"{tasks['first'].group}/cpuset.cpus", "0-1")
    tasks["first"].do("allocate", 16, 0)
    tasks["spread"].do("allocate", 24, 0)
    tasks["spread"].do("allocate", 12, 2)
    tasks["spread"].do("run_anywhere")
    before = snapshot(tasks), tasks["spread"].do("pages")
    agent = start_agent(
        list(tasks),
        "!NUMAAllocator {cgroups_memory_binding: true, migrate_pages_min_task_balance: 0.8}",
    )
    wait_for_records(agent, {("spread", "migrate_pages")})
    during = snapshot(tasks), tasks["spread"].do("pages"), tasks["spread"].do("affinity")
    ended = stop(agent)
    return {
        "before": before,
        "during": during,
        "after": snapshot(tasks),
        "records": records(),
        "agent": ended,
    }


def main():
    print(json.dumps({"act": act(), "bind": bind()}))


main()
