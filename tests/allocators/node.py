"""A small deterministic machine: a victim, neighbours, and what allocations do to all of them."""

from dataclasses import dataclass, field, replace

from tests.detectors.node_simulator import Sim, Simulator
from wca.allocations.encoding import Machine
from wca.allocations.knobs import knob_of
from wca.allocators import AllocationType
from wca.testing.detectors import a_platform

T = AllocationType
CPUS = 2
MACHINE = Machine(CPUS)
IN_FORCE = {
    T.QUOTA: 1.0,
    T.SHARES: 1.024,
    T.CPU_WEIGHT: 100,
    T.CPU_IDLE: 0,
    T.CPU_BURST: 0.0,
    T.CPUSET_CPUS: "0,1",
    T.MEMORY_MAX: "max",
    T.PIDS_MAX: "max",
}
BATCH = {"tier": "batch"}


@dataclass
class Task:
    """A task of the machine.

    Args:
        sim: what it does when nothing is granted.
        spins: CPUs that it would use if it got them, as a busy neighbour.
        streams: share of the memory bandwidth that it would take.
        reads: bytes of page cache per second that it would displace.
    """

    sim: Sim
    spins: float = 0.0
    streams: float = 0.0
    reads: float = 0.0
    allocations: dict = field(default_factory=lambda: dict(IN_FORCE))


class Node(Simulator):
    """Runs an allocator over seconds of a machine that obeys it.

    Args:
        allocator: that is asked.
        act: whether anything that it asks for is done.
        refuses: types that the kernel refuses.
    """

    def __init__(self, allocator, tasks, act=True, refuses=(), seed=1):
        super().__init__(None, seed)
        self.allocator = allocator
        self.tasks = tasks
        self.act = act
        self.refuses = set(refuses)
        self.asked = []
        self.done = []  # (second, task, type, value)

    def run(self, seconds, outside=0.03):
        begin = len(self.asked)
        for _ in range(seconds):
            self._second(outside)
        return self.asked[begin:]

    def _second(self, outside):
        self.second += 1
        self.used = 0.0
        seen = {}
        for task_id in sorted(self.tasks):
            task = self.tasks[task_id]
            seen[task_id] = self._task(task_id, self._suffering(task_id, task))
            seen[task_id].allocations = dict(task.allocations)
            seen[task_id].measurements["task_mem_anon_bytes"] = 4e6
        for task_id in set(self.totals) - set(self.tasks):
            del self.totals[task_id]
        busy = self.used + self._noisy(outside, 0.1)
        self.machine["user"] += busy * self.interval
        self.machine["idle"] += max(0.0, CPUS - busy) * self.interval
        platform = a_platform(
            self.second * self.interval, {"platform_cpu_seconds": {"all": dict(self.machine)}}
        )
        answer, anomalies, metrics = self.allocator.allocate(platform, seen)
        self.asked.append({task_id: dict(one) for task_id, one in answer.items()})
        self.answers.append(anomalies)
        self.metrics.append(list(metrics))
        if self.act:
            for task_id, one in answer.items():
                for type_, value in one.items():
                    self._grant(task_id, type_, value)

    def _grant(self, task_id, type_, value):
        knob = knob_of(type_, 1)
        read = knob.decode(knob.encode(value, MACHINE), MACHINE)
        allocations = self.tasks[task_id].allocations
        if type_ in self.refuses or allocations[type_] == read:
            return
        allocations[type_] = read
        self.done.append((self.second, task_id, type_, read))

    def _suffering(self, task_id, task):
        """What a task does in this second, with what it and the others are granted."""
        sim = task.sim
        others = [one for name, one in self.tasks.items() if name != task_id]
        wait = sum(_presses(one) for one in others) if not task.spins else 0.0
        traffic = sum(one.streams * _share(one) for one in others)
        displaced = sum(_displaces(one) for one in others)
        sim = sim.but(
            psi=sim.psi + 0.03 * wait,
            delay=sim.delay + 0.3 * wait,
            cpu=sim.cpu * (1 + 0.3 * traffic) + _gets(task),
            psi_io=min(1.0, sim.psi_io + (0.45 * displaced if not task.reads else 0.0)),
            refaults=sim.refaults + (2000 * displaced if not task.reads else 0.0),
        )
        quota = task.allocations[T.QUOTA]
        if quota < 1:
            over = max(0.0, sim.cpu * 1.3 - CPUS * quota - CPUS * task.allocations[T.CPU_BURST])
            if over > 0:
                sim = sim.but(throttled=0.5, psi=sim.psi + 0.1, delay=sim.delay + 1.0)
            sim = sim.but(cpu=min(sim.cpu, CPUS * quota))
        if task.reads:
            limit = task.allocations[T.MEMORY_MAX]
            memory = sim.memory if limit == "max" else min(sim.memory, limit)
            sim = sim.but(read=task.reads, memory=memory, operations=task.reads / 1e6)
        return sim


def _share(task):
    """Of the CPUs that it would use, which it gets."""
    wanted = task.spins or task.sim.cpu
    return min(1.0, task.allocations[T.QUOTA] * CPUS / wanted) if wanted else 1.0


def _gets(task):
    return task.spins


def _presses(task):
    """How much it makes others wait."""
    if not task.spins:
        return 0.0
    pressing = min(task.spins, task.allocations[T.QUOTA] * CPUS) / CPUS
    if task.allocations[T.CPU_IDLE]:
        return 0.05 * pressing
    if task.allocations[T.SHARES] < 0.01:
        return 0.2 * pressing
    return pressing * (0.4 if "," not in task.allocations[T.CPUSET_CPUS] else 1.0)


def _displaces(task):
    if not task.reads:
        return 0.0
    limit = task.allocations[T.MEMORY_MAX]
    return 1.0 if limit == "max" else max(0.0, min(1.0, (limit - 40e6) / 200e6))


def victim(**changes):
    return Task(Sim(**changes))


def spinner(cpus=1.8, labels=BATCH):
    return Task(Sim(cpu=0.0, work=None, memory=1e6, labels=dict(labels)), spins=cpus)


def streamer(cpus=1.0, labels=BATCH):
    return Task(Sim(cpu=0.0, work=None, memory=256e6, labels=dict(labels)), spins=cpus, streams=1.0)


def reader(labels=BATCH):
    sim = Sim(cpu=0.3, work=None, memory=300e6, faults=3000.0, labels=dict(labels))
    return Task(sim, reads=500e6)


def idle(labels=BATCH):
    return Task(Sim(cpu=0.0, work=None, psi=0.0, memory=1e6, labels=dict(labels)))


__all__ = [
    "CPUS",
    "IN_FORCE",
    "Node",
    "Task",
    "idle",
    "reader",
    "replace",
    "spinner",
    "streamer",
    "victim",
]
