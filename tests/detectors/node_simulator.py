"""A machine whose counters go as those of a real one, from a table of what happens when."""

import random
from dataclasses import dataclass, field, replace

from wca.testing.detectors import a_platform, a_task

CPUS = 2


@dataclass
class Sim:
    """A task: what it does per second; everything is a rate but ``memory``, ``shares`` and ``sli``.

    Args:
        cpu: CPUs in use.
        work: units of work per second; None: it does not say.
        psi, delay: seconds per second in which something waited for a CPU; per running second.
        noise: relative spread of everything from second to second.
    """

    cpu: float = 0.16
    work: float | None = 200.0
    psi: float = 0.003
    delay: float = 0.007
    throttled: float | None = 0.0
    psi_io: float = 0.005
    refaults: float = 0.0
    major: float = 0.0
    faults: float = 10.0
    psi_memory_full: float = 0.0
    read: float = 0.0
    written: float = 0.0
    operations: float = 0.0
    memory: float = 50e6
    shares: float | None = 1024
    cpi: float | None = None
    mpki: float | None = None
    bandwidth: float | None = None
    sli: float | None = None
    noise: float = 0.05
    labels: dict = field(default_factory=dict)
    allocations: dict = field(default_factory=dict)

    def but(self, **changes):
        return replace(self, **changes)


class Simulator:
    """Runs a detector over seconds of a machine."""

    #: Seconds between two looks; what is called a second then is one of those.
    interval = 1.0

    def __init__(self, detector, seed=1, drop=(), reverse=False):
        self.detector = detector
        self.random = random.Random(seed)
        self.drop = set(drop)
        self.reverse = reverse
        self.second = 0
        self.totals = {}
        self.machine = {"user": 0.0, "system": 0.0, "idle": 0.0, "iowait": 0.0, "steal": 0.0}
        self.answers = []
        self.metrics = []

    def run(self, seconds, tasks, outside=0.03, steal=0.0):
        """Let so many seconds pass with these tasks by id; the anomalies of each second."""
        begin = len(self.answers)
        for _ in range(seconds):
            self._step(tasks, outside, steal)
        return self.answers[begin:]

    def pause(self, seconds):
        self.second += seconds

    def _step(self, tasks, outside, steal):
        self.second += 1
        self.used = 0.0
        seen = {task_id: self._task(task_id, sim) for task_id, sim in sorted(tasks.items())}
        for task_id in set(self.totals) - set(tasks):
            del self.totals[task_id]
        busy = self.used + self._noisy(outside, 0.1)
        self.machine["user"] += busy
        self.machine["idle"] += max(0.0, CPUS - busy)
        self.machine["steal"] += steal * CPUS
        platform = a_platform(
            float(self.second), {"platform_cpu_seconds": {"all": dict(self.machine)}}
        )
        if "platform_cpu_seconds" in self.drop:
            platform.measurements.clear()
        if self.reverse:
            seen = dict(reversed(seen.items()))
        anomalies, metrics = self.detector.detect(platform, seen)
        self.answers.append(anomalies)
        self.metrics.append(metrics)

    def _noisy(self, value, noise):
        return max(0.0, value * (1 + self.random.gauss(0, noise)))

    def _task(self, task_id, sim):
        totals = self.totals.setdefault(task_id, {})
        cpu = self._noisy(sim.cpu, sim.noise)
        self.used += cpu
        grown = {
            "task_cpu_usage_seconds": cpu,
            "task_psi_cpu_some_seconds": min(1.0, self._noisy(sim.psi, 6 * sim.noise)),
            "task_run_queue_delay_seconds": self._noisy(sim.delay, 6 * sim.noise) * cpu,
            "task_psi_io_some_seconds": min(1.0, self._noisy(sim.psi_io, 6 * sim.noise)),
            "task_psi_memory_full_seconds": min(1.0, sim.psi_memory_full),
            "task_psi_memory_some_seconds": min(1.0, sim.psi_memory_full),
            "task_mem_refaults_file": self._noisy(sim.refaults, 4 * sim.noise),
            "task_mem_major_page_faults": self._noisy(sim.major, 4 * sim.noise),
            "task_mem_page_faults": self._noisy(sim.faults, 4 * sim.noise),
            "task_io_read_bytes": self._noisy(sim.read, 4 * sim.noise),
            "task_io_written_bytes": self._noisy(sim.written, 4 * sim.noise),
            "task_io_reads": self._noisy(sim.operations, 4 * sim.noise),
            "task_io_writes": 0.0,
        }
        if sim.work is not None:
            # Work comes as it comes; the CPU for it goes along, with a spread of its own.
            share = cpu / sim.cpu if sim.cpu else 1.0
            grown["task_work"] = self._noisy(sim.work * share, sim.noise)
        if sim.throttled is not None:
            grown["task_cpu_periods"] = 10 if sim.throttled else 0
            grown["task_cpu_throttled_periods"] = 10 * self._noisy(sim.throttled, sim.noise)
            grown["task_cpu_throttled_seconds"] = sim.throttled * 0.3
        if sim.cpi is not None:
            grown["task_cycles"] = cpu * 2e9
            grown["task_instructions"] = cpu * 2e9 / self._noisy(sim.cpi, 0.02)
            if sim.mpki is not None:
                misses = self._noisy(sim.mpki, 0.02) / 1000
                grown["task_cache_misses"] = grown["task_instructions"] * misses
        if sim.bandwidth is not None:
            grown["task_mem_bandwidth_bytes"] = self._noisy(sim.bandwidth, sim.noise)
        for name, growth in grown.items():
            totals[name] = totals.get(name, 0.0) + growth * self.interval
        numbers = dict(totals, task_mem_usage_bytes=sim.memory)
        if sim.shares is not None:
            numbers["task_cpu_shares"] = sim.shares
        if sim.sli is not None:
            numbers["task_sli_normalized"] = sim.sli
        for name in self.drop:
            numbers.pop(name, None)
        task = a_task(task_id, numbers, sim.labels)
        task.allocations = dict(sim.allocations)
        return task


def said(answers, victim=None):
    """Verdicts and accused of all anomalies, each once, in the order of their first time."""
    found = {}
    for anomalies in answers:
        for one in anomalies:
            if victim is None or one.contended_task_id == victim:
                found[one.contended_task_id, one.verdict, tuple(one.contending_task_ids)] = 1
    return list(found)
