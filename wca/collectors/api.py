"""The contracts of measuring: a collector attaches to a target and gives a probe that reads it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal, Protocol, runtime_checkable

from wca.config.types import Duration
from wca.errors import NotAvailable, TargetGone
from wca.metrics import Measurements
from wca.metrics.metadata import MetricMetadata
from wca.nodes.api import Task

__all__ = [
    "Cgroup",
    "Collector",
    "NodeTarget",
    "NotAvailable",
    "Probe",
    "Readable",
    "TargetGone",
    "TaskTarget",
    "TellsUnmeasured",
]

#: How often a collector may be asked, in seconds.
INTERVAL = Duration(0.01, 86_400)


class Readable(Protocol):
    """One kernel file with its descriptor kept open."""

    def read(self) -> bytes:
        """The whole content, now. Raises TargetGone when what it describes is gone."""

    def close(self) -> None:
        """Give the descriptor back; safe twice."""


class Cgroup(Protocol):
    """The cgroups of one task in all mounted hierarchies, behind one face.

    ``controller`` is a v1 controller name (``cpu``, ``cpuacct``, ``memory``, ...), or ``psi`` for
    the group that has the pressure files.
    """

    def version(self, controller: str) -> Literal[1, 2] | None:
        """The version of the hierarchy that holds the controller for this task; None: none does."""

    def directory(self, controller: str) -> str | None:
        """The folder of that hierarchy's group; None: none holds the controller."""

    def open(self, controller: str, name: str) -> Readable:
        """Open a file of that hierarchy's group.

        Raises:
            NotAvailable: this kernel or hierarchy has no such file.
            TargetGone: the group itself is gone.
        """

    def identity(self) -> tuple[int, ...]:
        """The inode numbers of its groups now: others for a group that was made again."""

    def procs(self, controller: str | None = None, *, recursive: bool = False) -> list[int]:
        """Ids of the processes in the group, ascending; empty where they cannot be read.

        Args:
            controller: whose group to ask; None: the first that there is.
            recursive: whether to include the groups below.
        """


class NodeTarget(Protocol):
    """This machine."""

    def open(self, path: str) -> Readable:
        """Open a file by its usual path (``/proc/stat``); NotAvailable where it is absent."""

    def read(self, path: str) -> bytes:
        """Read a file once. Raises NotAvailable, and TargetGone when its process has ended."""

    def listdir(self, path: str) -> Sequence[str]:
        """Names in a folder, sorted; empty where it is absent."""

    def subfolders(self, path: str) -> list[str] | None:
        """Names of the folders in a folder, sorted; None where it is absent."""

    def inode(self, path: str) -> int | None:
        """The inode number of what a path leads to; None where it is absent."""

    def modified(self, path: str) -> float | None:
        """Unix time of the last change of a file or folder; None where it is absent."""


class TaskTarget(Protocol):
    """A task to measure."""

    @property
    def task(self) -> Task:
        """The task as the node reported it last."""

    @property
    def cgroup(self) -> Cgroup:
        """Its cgroups."""

    @property
    def node(self) -> NodeTarget:
        """The machine it runs on, for what is read of its processes."""

    def containers(self) -> Mapping[str, Cgroup]:
        """The cgroups of the containers that the node reported last, by path, looked up now."""


class Probe(Protocol):
    """A collector at work on one target. One per target, used by one thread."""

    def read(self, out: Measurements) -> None:
        """Add the target's numbers to ``out``, by metric name.

        A number that was not counted is left out, never given as zero.

        Raises:
            TargetGone: the target vanished. A task's probe is closed and not read again; for the
                machine it counts as a failure, as everything else that is raised.
            NotAvailable: the source is not there any more; said once, and the probe is closed.
        """

    def close(self) -> None:
        """Give back what ``attach`` opened; safe twice."""


class Collector(ABC):
    """One source of numbers, of each task or of the machine.

    ``attach`` and what its probes do run on the loop's thread and must not wait, unless the
    collector says that it is ``blocking``: then all of it runs on one thread of its own, and the
    loop takes what that thread has read last, with its age.

    Args:
        interval: time between two readings; that of the runner when left out. In between the last
            values are given again.
    """

    #: What it attaches to: each task, or the machine.
    scope: ClassVar[Literal["task", "node"]] = "task"
    #: Whether ``attach``, ``read`` or ``close`` may wait.
    blocking: ClassVar[bool] = False
    #: Whether it measures a container of a task as it measures the task. One whose source is the
    #: same for all containers of a task says False: it measures tasks as a whole alone, and these
    #: also where everything else is measured by container.
    per_container: ClassVar[bool] = True
    #: Whether its numbers of a task with containers are sums over these: then it attaches anew when
    #: a task gets its first container.
    sums_containers: ClassVar[bool] = False
    #: What reading changes on the machine, as a sentence; empty: nothing, but for perf events that
    #: are counted meanwhile. Such a collector is left out where nothing may change.
    changes: ClassVar[str] = ""
    #: Names in the metric catalogue, for documents and tests; not needed at run time.
    emits: ClassVar[tuple[str, ...]] = ()
    #: Seconds between two readings; None: the runner's interval.
    interval: float | None = None

    def __init__(self, interval: Annotated[float, INTERVAL] | None = None) -> None:
        if interval is not None:
            INTERVAL.check(interval)
        self.interval = interval

    @property
    def metrics(self) -> Sequence[MetricMetadata]:
        """Entries of metrics that the catalogue lacks, or that are different here."""
        return ()

    @property
    def opens_of_processes(self) -> Mapping[str, str]:
        """What it opens of each process of a task, for ``wca doctor``.

        By name below /proc/PID: the capability without which the kernel refuses to open that of
        processes of other users.
        """
        return {}

    @abstractmethod
    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open what is needed to measure the target.

        Called once when a task appears, or at start for ``scope = "node"``.

        Raises:
            NotAvailable: this machine or task has no such source; said once, then left alone.
            TargetGone: the task vanished in the meantime.
        """


@runtime_checkable
class TellsUnmeasured(Protocol):
    """A collector that has no numbers of some tasks for a while, and says of which."""

    @property
    def unmeasured(self) -> Mapping[str, str]:
        """Ids of these tasks, with the reason in a word, such as ``exhausted``; any thread asks."""
