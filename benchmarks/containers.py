"""What finding containers costs: Debian's containerd and dockerd, asked by ``ContainerNode``."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from tests.nodes.containers import runtimes
from wca.nodes import ContainerNode

#: Tells how much memory asking takes, in an agent that has imported what every agent does.
_MEMORY = """
import sys, wca.main, wca.runners.measurement
from wca.nodes.container import ContainerNode
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4 // 1024
before = resident()
node = ContainerNode(sys.argv[1], timeout=60)
assert len(node.get_tasks()) == int(sys.argv[2])
print(resident() - before)
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Args:
        runtime: its name.
        containers: how many run.
        first: seconds of the first question, with the details of all.
        again: seconds of one that has the same answer, the median.
        cpu: of which CPU time of the agent.
        memory: MiB that the agent has more than before.
    """

    runtime: str
    containers: int
    first: float
    again: float
    cpu: float
    memory: int


def measure_containers(sizes: list[int], rounds: int) -> Iterator[Row]:
    """Run containers and look for them."""
    with runtimes.containerd() as containerd:
        pod = containerd.pod("web")
        yield from _rows(
            "containerd", containerd, lambda name: containerd.container(pod, name), sizes, rounds
        )
    with runtimes.dockerd() as dockerd:
        yield from _rows("dockerd", dockerd, dockerd.container, sizes, rounds)


def _rows(name: str, runtime, run, sizes: list[int], rounds: int) -> Iterator[Row]:
    running = 0
    for size in sizes:
        while running < size:
            run(f"c{running}")
            running += 1
        node = ContainerNode(runtime.socket, timeout=60)
        start = time.perf_counter()
        assert len(node.get_tasks()) == size
        first = time.perf_counter() - start
        times, cpu = [], time.thread_time()
        for _ in range(rounds):
            start = time.perf_counter()
            node.get_tasks()
            times.append(time.perf_counter() - start)
        cpu = (time.thread_time() - cpu) / rounds
        node.close()
        command = [sys.executable, "-c", _MEMORY, runtime.socket, str(size)]
        told = subprocess.run(command, capture_output=True, text=True, check=True)
        yield Row(name, size, first, statistics.median(times), cpu, int(told.stdout))
