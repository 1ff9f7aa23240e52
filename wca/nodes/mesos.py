"""Tasks of an Apache Mesos agent."""

from collections.abc import Iterable
from typing import Annotated

from wca.clock import Clock
from wca.config.types import Duration, Injected, Url
from wca.errors import NotAvailable, TargetGone
from wca.linux.files import Kernel
from wca.nodes.api import Task
from wca.nodes.http_json import JsonService
from wca.nodes.left_out import LeftOut
from wca.nodes.mesos_state import MesosTask, running_tasks
from wca.nodes.polling import PollingNode
from wca.nodes.reading import Reading
from wca.security import SSL

__all__ = ["MesosNode"]

_TIMEOUT = Duration(1, 60)
_KEEP = Duration(0, 86400)
#: Where the processes of a container are on cgroup v2: below the group that has its limits
#: (docs/cgroups2-support.md of Mesos).
_LEAF = "/leaf"


class MesosNode(PollingNode):
    """Tasks that an Apache Mesos agent runs, from its operator API (``GET_STATE``).

    A task's cgroup is that of the process which the agent names (``executor_pid``), as
    /proc/PID/cgroup tells it, so that WCA must see the processes of the host. A task without such a
    process is left out and said. Containers of a task group that have cgroups of their own are
    tasks of their own. Tasks that share one cgroup, as those of a task group do by default on
    cgroup v1, are one task: with the id of the executor's container, the labels that all of them
    have alike, and the sum of what was asked for.

    Resources are ``cpus``, and ``mem`` and ``disk`` in bytes, where a megabyte of Mesos is
    1024 * 1024 bytes. Names of labels lose the prefixes ``org.apache.`` and ``aurora.metadata.``.

    Args:
        mesos_agent_endpoint: the agent's address.
        timeout: time in which the agent must have answered.
        ssl: how the agent is verified, and which certificate it is shown; when left out, by this
            machine's certificate authorities, and none.
        keep: how long the last list is used while the agent does not answer.
        kernel: for tests: what kernel files are read through.
        clock: for tests: time.

    Raises:
        ValidationError: the address is none.
    """

    def __init__(
        self,
        mesos_agent_endpoint: Annotated[str, Url()] = "https://127.0.0.1:5051",
        timeout: Annotated[float, _TIMEOUT] = 5.0,
        ssl: SSL | None = None,
        keep: Annotated[float, _KEEP] = 300.0,
        *,
        kernel: Annotated[Kernel | None, Injected()] = None,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        Url().check(mesos_agent_endpoint)
        _TIMEOUT.check(timeout)
        _KEEP.check(keep)
        super().__init__(keep, clock)
        self._url = f"{mesos_agent_endpoint.rstrip('/')}/api/v1"
        self._service = JsonService(timeout, ssl, clock=clock)
        self._reading = Reading(kernel)
        self._left_out = LeftOut("MesosNode")

    def use_kernel(self, kernel: Kernel) -> None:
        """Read through this one from now on, unless one was given from Python."""
        self._reading.use(kernel)

    def poll(self) -> list[Task]:
        """Ask the agent.

        Raises:
            TaskSynchronizationException: it gave no list.
        """
        answer = self._service.ask("POST", self._url, {"type": "GET_STATE"})
        running, refused = running_tasks(answer)
        by_path: dict[str, list[MesosTask]] = {}
        for task in running:
            try:
                by_path.setdefault(self._cgroup_path(task), []).append(task)
            except (NotAvailable, TargetGone) as error:
                refused[task.task_id] = str(error)
        self._left_out.tell(refused)
        return [_task(path, sharing) for path, sharing in by_path.items()]

    def interrupt(self) -> None:
        """End a question that waits, and the connection."""
        self._service.close()

    def _cgroup_path(self, task: MesosTask) -> str:
        path = self._reading.hierarchies.path_of_process(task.pid)
        if path == "/":
            raise NotAvailable(
                f"its process {task.pid} is in no cgroup of its own; the agent needs "
                "--isolation=cgroups/cpu,cgroups/mem and --launcher=linux"
            )
        above = path.removesuffix(_LEAF)
        own = task.container_ids[-1] if task.container_ids else above.rpartition("/")[2]
        return above if above.endswith(f"/{own}") else path


def _task(path: str, sharing: list[MesosTask]) -> Task:
    first = sharing[0]
    shared = _shared_container(path, first)
    if len(sharing) == 1 and shared is None:
        return Task(first.name, first.task_id, path, first.labels, {**first.resources})
    return Task(
        first.executor_id or first.name,
        shared or next(iter(first.container_ids), first.task_id),
        path,
        _alike(task.labels for task in sharing),
        _sum(task.resources for task in sharing),
    )


def _shared_container(path: str, task: MesosTask) -> str | None:
    """The container around a nested one that has no cgroup of its own; None: it is not such."""
    *around, own = task.container_ids or ("",)
    if not around or own in path.split("/"):
        return None
    return around[0]


def _alike(labels: Iterable[dict[str, str]]) -> dict[str, str]:
    first, *others = labels
    return {
        name: value
        for name, value in first.items()
        if all(other.get(name) == value for other in others)
    }


def _sum(resources: Iterable[dict[str, float | int]]) -> dict[str, float | int | str]:
    sums: dict[str, float | int] = {}
    for one in resources:
        for name, amount in one.items():
            sums[name] = sums.get(name, 0) + amount
    return {**sums}
