"""``python -m benchmarks.cgroup_nodes``: what finding tasks costs, by node and number of tasks.

On trees of plain files, where a folder costs what it costs in /sys/fs/cgroup, give or take.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable

from wca.linux.files import Kernel
from wca.nodes import CgroupNode, Node, StaticNode, SystemdNode
from wca.nodes.mesos_state import running_tasks
from wca.testing import KernelTree

__all__ = ["table"]

SIZES = (100, 1000, 5000)
ROUNDS = 20
HEADER = (
    "| node | tasks | first (CPU ms) | nothing new (CPU ms) | for each task (µs) |\n"
    "|---|---:|---:|---:|---:|"
)


def table(sizes: Iterable[int] = SIZES, rounds: int = ROUNDS) -> str:
    """The table of docs/nodes.md.

    Args:
        sizes: numbers of tasks.
        rounds: readings of which the median is taken.
    """
    rows = [HEADER]
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            tree = KernelTree(folder, "v2")
            for number in range(size):
                tree.add_task(f"/system.slice/job-{number}.service")
            for name, make in _nodes(size).items():
                node = make(Kernel(folder, max_kept=size + 10))
                first = _milliseconds(node.get_tasks)
                again = statistics.median(_milliseconds(node.get_tasks) for _ in range(rounds))
                rows.append(_row(name, size, first, again))
        answer = _mesos_answer(size)
        times = [_milliseconds(lambda: running_tasks(json.loads(answer))) for _ in range(rounds)]  # noqa: B023
        rows.append(_row("`MesosNode`, its answer read", size, times[0], statistics.median(times)))
    return "\n".join(rows)


def _nodes(size: int) -> dict[str, Callable[[Kernel], Node]]:
    paths = [f"system.slice/job-{number}.service" for number in range(size)]
    patterns = ["/system.slice/*.service"]
    return {
        "`StaticNode`": lambda kernel: StaticNode(tasks=paths, kernel=kernel),
        "`CgroupNode`": lambda kernel: CgroupNode(patterns, max_tasks=size, kernel=kernel),
        "`CgroupNode`, `require_pids`": lambda kernel: CgroupNode(
            patterns, max_tasks=size, require_pids=True, kernel=kernel
        ),
        "`SystemdNode`": lambda kernel: SystemdNode(kernel=kernel),
    }


def _mesos_answer(size: int) -> str:
    status = {"state": "TASK_RUNNING", "container_status": {"executor_pid": 1}}
    names = ("cpus", "mem", "disk")
    resources = [{"name": name, "type": "SCALAR", "scalar": {"value": 2.0}} for name in names]
    labels = {"labels": [{"key": f"org.apache.{key}", "value": "x"} for key in "abcdef"]}
    tasks = [
        {
            "task_id": {"value": str(number)},
            "statuses": [status],
            "resources": resources,
            "labels": labels,
        }
        for number in range(size)
    ]
    return json.dumps({"get_state": {"get_tasks": {"launched_tasks": tasks}}})


def _milliseconds(action: Callable[[], object]) -> float:
    start = time.process_time()
    action()
    return (time.process_time() - start) * 1e3


def _row(name: str, size: int, first: float, again: float) -> str:
    return f"| {name} | {size} | {first:.1f} | {again:.2f} | {again * 1e3 / size:.1f} |"


if __name__ == "__main__":
    print(table())
