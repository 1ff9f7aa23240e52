"""Traffic of a task through the interfaces of its own network namespaces."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
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
from wca.linux.processes import has_ended
from wca.metrics import Measurements

__all__ = ["TaskNetworkCollector"]

log = logging.getLogger(__name__)

_IN_HOSTS = "it uses the host's network"
_FORBIDDEN = "/proc/PID/ns/net cannot be read: CAP_SYS_PTRACE is needed"
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
    A task in the namespace of the host has no traffic of its own, and no numbers, for as long as it
    is there. A namespace that has been left keeps its last numbers in the sum.

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
        self._without: dict[str, str] = {}  # reason by task
        self._said: set[str] = set()

    @property
    def unmeasured(self) -> Mapping[str, str]:
        """Tasks that have no network of their own, or none that may be looked at, by id."""
        return dict.fromkeys(self._without.copy(), "unavailable")

    @property
    def opens_of_processes(self) -> Mapping[str, str]:
        """Files below /proc/PID, and who may open those of other users."""
        return {"ns/net": "CAP_SYS_PTRACE"}

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Find out which namespace is the host's. Raises NotAvailable."""
        task = cast("TaskTarget", target)
        files = task.node
        host = next((inode for path in _HOST if (inode := files.inode(path))), None)
        if host is None:
            raise NotAvailable(f"{_HOST[0]} and {_HOST[1]} cannot be read")
        say = partial(self._say, task.task.task_id)
        return _NetworkProbe(task.cgroup, files, host, say, per_device=self.per_device)

    def _say(self, task_id: str, reason: str) -> None:
        """Take note of why a task has no numbers; empty: it has, or has ended."""
        if not reason:
            self._without.pop(task_id, None)
            return
        self._without[task_id] = reason
        if reason not in self._said:
            self._said.add(reason)
            log.info("no network traffic of task %s: %s", task_id, reason)


class _Verdict:
    """Why a task has no traffic of its own: what several readings in a row have shown.

    A reading in which every process had just ended shows nothing. A network of its own, once it is
    there, takes every verdict back.
    """

    def __init__(self) -> None:
        self._shown = ""
        self._times = 0

    def take(self, shown: str) -> str:
        """What can be said by now; empty: nothing.

        Args:
            shown: by one reading; empty: nothing.
        """
        if shown:
            self._times = self._times + 1 if shown == self._shown else 1
            self._shown = shown
        return self._shown if self._times >= _READINGS_TO_BE_SURE else ""


class _NetworkProbe:
    def __init__(
        self,
        cgroup: Cgroup,
        files: NodeTarget,
        host: int,
        say: Callable[[str], None],
        *,
        per_device: bool,
    ) -> None:
        self._cgroup = cgroup
        self._files = files
        self._host = host
        self._say = say
        self._per_device = per_device
        self._verdict = _Verdict()
        self._looked_ended: set[int] = set()  # processes, in the last reading
        # By the inode of the namespace.
        self._total: RunningTotal[int, tuple[str, str]] = RunningTotal(_REMEMBERED)
        self._had_own = False

    def read(self, out: Measurements) -> None:
        processes, forbidden = self._by_namespace(self._cgroup.procs(recursive=True))
        current: dict[int, dict[tuple[str, str], int]] = {}
        for namespace in processes.keys() - {self._host}:
            counters = self._counters(namespace, processes[namespace])
            if counters is not None:
                current[namespace] = counters
        self._had_own = self._had_own or bool(current)
        if not self._had_own:
            shown = _IN_HOSTS if self._host in processes else _FORBIDDEN if forbidden else ""
            self._say(self._verdict.take("" if processes.keys() - {self._host} else shown))
            return
        self._say("")
        sums = self._total.update(current)
        for counter in NET_DEV_COUNTERS:
            out[f"task_network_{counter}"] = sum(
                value for (_, name), value in sums.items() if name == counter
            )
        if self._per_device:
            _add_devices(out, sums, {device for each in current.values() for device, _ in each})

    def close(self) -> None:
        # Nothing is kept open: an open file would keep the namespace from ending.
        self._say("")

    def _by_namespace(self, pids: Sequence[int]) -> tuple[dict[int, list[int]], bool]:
        """Processes by the inode of their namespace, and whether some may not be looked at.

        Those that have just ended are left out. One that seems to have ended, but is there again in
        the next reading, is hidden (the option ``hidepid`` of /proc).
        """
        found: dict[int, list[int]] = {}
        ended: set[int] = set()
        forbidden = False
        for pid in pids:
            namespace = self._files.inode(f"/proc/{pid}/ns/net")
            if namespace is not None:
                found.setdefault(namespace, []).append(pid)
            elif has_ended(self._files, pid):
                ended.add(pid)
            else:
                forbidden = True
        forbidden = forbidden or not self._looked_ended.isdisjoint(ended)
        self._looked_ended = ended
        return found, forbidden

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
