"""Traffic of a task through the interfaces of its own network namespaces."""

from collections.abc import Mapping, Sequence, Set
from typing import Annotated, cast

from wca.collectors.api import (
    INTERVAL,
    Cgroup,
    Collector,
    NodeTarget,
    NotAvailable,
    Probe,
    TargetGone,
    TaskTarget,
)
from wca.collectors.running_total import RunningTotal
from wca.linux.net_dev import NET_DEV_COUNTERS, parse_net_dev
from wca.metrics import Measurements

__all__ = ["TaskNetworkCollector"]

# The host's namespace is that of its first process; where that is hidden, the agent's own.
_HOST = ("/proc/1/ns/net", "/proc/self/ns/net")
_LOOPBACK = "lo"
# A container's first process is in the namespace of the host until its own has been made.
_READINGS_TO_BE_SURE = 3
# How many namespaces without a process are remembered, the latest: one of them may have a process
# again, and what was counted in it must not count twice.
_REMEMBERED = 16


class TaskNetworkCollector(Collector):
    """Bytes, packets, errors and drops that a task received and sent, without those of ``lo``.

    Each network namespace of the task's processes is read once, through any process that is in it.
    A task in the namespace of the host has no traffic of its own, and no numbers. A namespace that
    has been left keeps its last numbers in the sum.

    Source: /proc/PID/net/dev and /proc/PID/ns/net, which needs CAP_SYS_PTRACE. The host's namespace
    is that of process 1; an agent that may not look at it, or sees no process of the host, has to
    be in the host's network itself (``hostNetwork`` in Kubernetes).

    Args:
        per_device: also each interface on its own, as task_network_device metrics; an interface
            that is gone has no series any more.
        interval: time between two readings; the runner's when left out.
    """

    blocking = True
    per_container = False  # the containers of a pod share its network
    emits = (
        *(f"task_network_{name}" for name in NET_DEV_COUNTERS),
        *(f"task_network_device_{name}" for name in NET_DEV_COUNTERS),
    )

    def __init__(
        self, per_device: bool = False, interval: Annotated[float, INTERVAL] | None = None
    ) -> None:
        super().__init__(interval)
        self.per_device = per_device

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Find out which namespace is the host's. Raises NotAvailable."""
        task = cast("TaskTarget", target)
        files = task.node
        host = next((inode for path in _HOST if (inode := files.inode(path))), None)
        if host is None:
            raise NotAvailable(f"{_HOST[0]} and {_HOST[1]} cannot be read")
        return _NetworkProbe(task.cgroup, files, host, per_device=self.per_device)


class _NetworkProbe:
    def __init__(self, cgroup: Cgroup, files: NodeTarget, host: int, *, per_device: bool) -> None:
        self._cgroup = cgroup
        self._files = files
        self._host = host
        self._per_device = per_device
        # By the inode of the namespace.
        self._total: RunningTotal[int, tuple[str, str]] = RunningTotal(_REMEMBERED)
        self._had_own = False
        self._without = 0  # readings in a row

    def read(self, out: Measurements) -> None:
        pids = self._cgroup.procs(recursive=True)
        processes = self._by_namespace(pids)
        self._check(pids, processes.keys())
        current: dict[int, dict[tuple[str, str], int]] = {}
        for namespace in processes.keys() - {self._host}:
            counters = self._counters(namespace, processes[namespace])
            if counters is not None:
                current[namespace] = counters
        self._had_own = self._had_own or bool(current)
        if not self._had_own:
            return
        sums = self._total.update(current)
        for counter in NET_DEV_COUNTERS:
            out[f"task_network_{counter}"] = sum(
                value for (_, name), value in sums.items() if name == counter
            )
        if self._per_device:
            _add_devices(out, sums, {device for each in current.values() for device, _ in each})

    def close(self) -> None:
        pass  # nothing is kept open: an open file would keep the namespace from ending

    def _by_namespace(self, pids: Sequence[int]) -> dict[int, list[int]]:
        """Processes by the inode of their namespace; those that have just ended are left out."""
        found: dict[int, list[int]] = {}
        for pid in pids:
            namespace = self._files.inode(f"/proc/{pid}/ns/net")
            if namespace is not None:
                found.setdefault(namespace, []).append(pid)
        return found

    def _check(self, pids: Sequence[int], namespaces: Set[int]) -> None:
        """Give up when several readings in a row have shown no namespace of its own."""
        self._without = self._without + 1 if pids and namespaces <= {self._host} else 0
        if self._without < _READINGS_TO_BE_SURE or self._had_own:
            return
        if namespaces:
            raise NotAvailable("uses the host's network")
        raise NotAvailable("/proc/PID/ns/net cannot be read: CAP_SYS_PTRACE is needed")

    def _counters(self, namespace: int, pids: Sequence[int]) -> dict[tuple[str, str], int] | None:
        """The counters of a namespace, through the first process that is still in it."""
        for pid in pids:
            try:
                data = self._files.read(f"/proc/{pid}/net/dev")
            except (NotAvailable, TargetGone):
                continue
            if self._files.inode(f"/proc/{pid}/ns/net") == namespace:
                devices = parse_net_dev(data)
                devices.pop(_LOOPBACK, None)
                return {
                    (device, name): value
                    for device, counters in devices.items()
                    for name, value in counters.items()
                }
        return None


def _add_devices(
    out: Measurements, sums: Mapping[tuple[str, str], float], devices: set[str]
) -> None:
    for counter in NET_DEV_COUNTERS if devices else ():
        out[f"task_network_device_{counter}"] = {
            device: sums[device, counter] for device in sorted(devices)
        }
