"""A hundred tasks on 64 CPUs: what their perf events need, how long they take, what is left out.

Prints JSON; the times are those of an emulated machine.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

from wca.clock import SystemClock
from wca.collectors.task_perf import TaskPerfCollector
from wca.errors import WcaError
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel
from wca.nodes import Task
from wca.runners.collect import Collect
from wca.runners.engine import Engine
from wca.runners.export import Export
from wca.runners.measuring import Granularity, Measuring
from wca.runners.selection import default_collectors
from wca.runners.stages import Sample
from wca.storage import LogStorage

ROOT = "/sys/fs/cgroup"
TASKS, BUSY = 100, 4
EVENTS = ["task_clock_seconds", "task_context_switches", "task_perf_page_faults"]
EVENTS += ["task_cpu_migrations"]
KERNEL = Kernel()
HIERARCHIES = CgroupHierarchies(KERNEL)


def descriptors():
    """How many are open."""
    return len(os.listdir("/proc/self/fd"))


def attach(collector, number):
    """A probe of one of the tasks."""
    cgroup = HIERARCHIES.locate(f"/task{number}")
    task = SimpleNamespace(task_id=str(number))
    return collector.attach(SimpleNamespace(cgroup=cgroup, node=KERNEL, task=task))


def attach_all(collector, numbers):
    """The probes of the tasks that fit, what is said of each of the others, and the longest round.

    The events are opened in turns, some with each round of reading all tasks.
    """
    probes, refused, longest = {}, {}, 0.0
    for number in numbers:
        try:
            probes[number] = attach(collector, number)
        except WcaError as error:
            refused[number] = str(error)
    while "opening" in collector.unmeasured.values():
        start = time.perf_counter()
        for number, probe in list(probes.items()):
            try:
                probe.read({})
            except WcaError as error:
                refused[number] = str(error)
                probes.pop(number).close()
        longest = max(longest, time.perf_counter() - start)
    return probes, refused, longest


def read_all(probes):
    """What each task says, and how long all took."""
    start = time.perf_counter()
    samples = {}
    for number, probe in probes.items():
        samples[number] = {}
        probe.read(samples[number])
    return samples, time.perf_counter() - start


def let_work(workers, seconds):
    """Let the busy tasks work. Else they stand still: what else runs, waits long for emulated CPUs."""
    for worker in workers:
        worker.send_signal(signal.SIGCONT)
    time.sleep(seconds)
    for worker in workers:
        worker.send_signal(signal.SIGSTOP)


def with_enough(limit, workers, *, aggregate_cpus):
    """All tasks at once, under a limit that suffices."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    collector = TaskPerfCollector(EVENTS, aggregate_cpus=aggregate_cpus)
    attach(collector, 0).close()  # the first event of all switches the kernel's counting on
    before, start = descriptors(), time.perf_counter()
    probes, refused, longest = attach_all(collector, range(TASKS))
    opened = time.perf_counter() - start
    held = descriptors() - before
    read_all(probes)
    times = []
    for _ in range(5):
        let_work(workers, 0.2)
        samples, seconds = read_all(probes)
        times.append(seconds)
    start = time.perf_counter()
    for probe in probes.values():
        probe.close()
    closed = time.perf_counter() - start
    collector.close(1.0)
    return {
        "refused": len(refused),
        "descriptors": held,
        "open": opened,
        "longest round": longest,
        "read": sorted(times)[2],
        "close": closed,
        "samples": samples,
    }


def beyond(limit):
    """More tasks than fit: those that do are counted, and when some end others come in."""
    collector = TaskPerfCollector(EVENTS)
    attach(collector, 0).close()
    before = descriptors()
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    probes, refused, _ = attach_all(collector, range(TASKS))
    samples, _ = read_all(probes)
    counted = sorted(probes)
    held = descriptors() - before
    ended = counted[:10]
    for number in ended:
        probes.pop(number).close()
    later, still, _ = attach_all(collector, refused)
    for probe in (*probes.values(), *later.values()):
        probe.close()
    collector.close(1.0)
    return {
        "limit": limit,
        "before": before,
        "held": held,
        "counted": counted,
        "samples": samples,
        "refused": refused,
        "later": sorted(later),
        "still": sorted(still),
        "sentence": next(iter(refused.values()), ""),
    }


def iterations(workers):
    """Whole iterations of the agent: the default collectors and perf events, to a file."""
    perf = TaskPerfCollector(EVENTS)
    engine = Engine(Kernel(), SystemClock())
    measuring = Measuring(engine, [*default_collectors(), perf], 1.0, Granularity.POD)
    measuring.start(lambda: None)
    measuring.sync(Task(f"task{n}", f"task{n}", f"/task{n}") for n in range(TASKS))
    collect = Collect(measuring, engine.telemetry, time.monotonic, lambda: None)
    export = Export(
        engine.common_labels({}, optional=True),
        lambda _: {},
        engine.information(),
        engine.telemetry,
        measuring.catalogue,
    )
    storage = LogStorage(output_filename="/tmp/metrics.prom", overwrite=True)
    while "opening" in perf.unmeasured.values():
        collect.run(Sample(time.time()))
    times = []
    for _ in range(5):
        let_work(workers, 0.2)
        sample, start = Sample(time.time()), time.perf_counter()
        stages = []
        for run in (collect.run, export.run, lambda one: storage.store(one.metrics)):
            run(sample)
            stages.append(time.perf_counter() - start)
        times.append(stages)
    storage.close(1.0)
    engine.lifecycle.close(30.0)
    collected, exported, stored = sorted(times, key=lambda one: one[-1])[2]
    return {
        "collect": collected,
        "export": exported - collected,
        "store": stored - exported,
        "series": len(sample.metrics),
        "tasks": len(sample.tasks),
        "counted": sum("task_clock_seconds" in one.measurements for one in sample.tasks),
    }


def main():
    for number in range(TASKS):
        os.mkdir(f"{ROOT}/task{number}")
    workers = []
    for number in range(BUSY):
        worker = subprocess.Popen([sys.executable, "-IS", "-c", "while True: pass"])
        worker.send_signal(signal.SIGSTOP)
        with open(f"{ROOT}/task{number}/cgroup.procs", "w") as members:
            members.write(str(worker.pid))
        workers.append(worker)
    cpus = os.cpu_count()
    needed = TASKS * cpus * len(EVENTS)
    result = {"cpus": cpus, "before": descriptors()}
    result["sum"] = with_enough(needed + 1000, workers, aggregate_cpus=True)
    result["each"] = with_enough(needed + 1000, workers, aggregate_cpus=False)
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed + 5000, needed + 5000))
    result["iteration"] = iterations(workers)
    result["beyond"] = beyond(needed // 2)
    result["after"] = descriptors()
    for worker in workers:
        worker.kill()
        worker.wait()
    print(json.dumps(result))


main()
