"""What exists from the start to the end of a run: kernel, containers, probes, storage queues."""

import socket
from collections.abc import Callable, Mapping
from platform import python_version
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

from wca.abilities import ability
from wca.audit.audit import Sink
from wca.clock import Clock
from wca.collectors import NotAvailable
from wca.errors import TargetGone
from wca.linux.files import Kernel, KernelFile
from wca.linux.parse import Malformed
from wca.linux.procfs import parse_resident_bytes
from wca.metrics import Measurements
from wca.nodes import Node
from wca.nodes.api import TellsChanges
from wca.platforms import Platform, read_platform
from wca.runners.books import Books
from wca.runners.lifecycle import Lifecycle
from wca.storage import Storage
from wca.storage.outlet import Outlet
from wca.telemetry import Telemetry
from wca.version import __version__

__all__ = ["Engine", "ReadsKernel"]

_T = TypeVar("_T")


@runtime_checkable
class ReadsKernel(Protocol):
    """A component that reads kernel files and takes what they are read through."""

    def use_kernel(self, kernel: Kernel) -> None:
        """Read through this one from now on."""


class Engine:
    """Opens the parts of a run, hands them out and closes them in reverse order.

    Args:
        kernel: what all kernel files are read through.
        clock: time.
        fingerprint: of the configuration, see ``wca.config.loader.Loaded``; None: there is none.
    """

    def __init__(self, kernel: Kernel, clock: Clock, fingerprint: str | None = None) -> None:
        self.kernel = kernel
        #: Of the configuration of now.
        self.fingerprint = fingerprint
        self.clock = clock
        self.telemetry = Telemetry(clock.monotonic)
        self.telemetry.count("wca_overruns", 0)
        self.telemetry.count("wca_loop_stuck", 0)
        self.lifecycle = Lifecycle(clock)
        self.platform: Platform = read_platform(kernel)
        #: Takes the records of what was found and decided, for people who look; None: nobody does.
        self.decisions: Sink | None = None
        self._outlets: list[tuple[Storage, Outlet]] = []
        self._before: list[tuple[Storage, Outlet]] = []  # those of the configuration before
        self._kept: dict[str, tuple[object, Any]] = {}
        self._asked: set[str] = set()  # those of them that the configuration of now has
        #: Whether no other configuration has been before.
        self.first = True
        self._books = Books({})
        self.lifecycle.on_close("kernel files", lambda _timeout: kernel.close())
        self._statm = self._open_statm()

    def renew(self, stays: Callable[[object], bool]) -> None:
        """Another configuration begins; see ``Lifecycle.renew``."""
        self.first = False
        self.lifecycle.renew(stays)
        self._before = [*self._before, *self._outlets]
        self._outlets = []
        self._asked.clear()

    def close_unused(self, budget: float) -> None:
        """Close what the configuration of now does not use.

        Args:
            budget: seconds for all of it.
        """
        self.lifecycle.close_unused(budget)
        self._before.clear()
        self._kept = {name: self._kept[name] for name in self._kept.keys() & self._asked}

    def keep(self, name: str, key: object, make: Callable[[], _T]) -> _T:
        """A part of the run that stays as long as what it is made of stays the same.

        Args:
            name: of the part; what it was before is closed first where that was made of others.
            key: all that it is made of; components are the same when they are the same objects.
            make: makes it, and starts what belongs to it.
        """
        self._asked.add(name)
        self.end_other(name, key)
        if name in self._kept:
            self.lifecycle.use_group(name)
            return cast("_T", self._kept[name][1])
        with self.lifecycle.group(name):
            made = make()
        self._kept[name] = key, made
        return made

    def end_other(self, name: str, key: object) -> None:
        """Close a part of the run that ``keep`` has made, where it is made of something else."""
        known = self._kept.get(name)
        if known is not None and known[0] != key:
            del self._kept[name]
            self.lifecycle.end_group(name)

    def start_node(self, node: Node, changed: Callable[[], None]) -> None:
        """Start the node, which reads the kernel through the same object.

        Args:
            node: finds the tasks.
            changed: for a node that learns by itself that its list has changed.

        Raises:
            StartError: it cannot start.
        """
        if not self.lifecycle.use(node):
            if isinstance(node, ReadsKernel):
                node.use_kernel(self.kernel)
            if isinstance(node, TellsChanges):
                node.on_change(changed)
        self.lifecycle.start(node, "node")

    def start_all(self, components: Mapping[str, object]) -> None:
        """Start components by name, those that have something to start. Raises StartError."""
        for name, component in components.items():
            self.lifecycle.start(component, name)

    def outlet(self, storage: Storage, name: str) -> Outlet:
        """The queue of a started storage; one storage has one queue, under its first name."""
        for known, outlet in self._outlets:
            if known is storage:
                if not self.first:  # closed in the order of the start, whatever came first here
                    self.lifecycle.use(storage)
                return outlet
        found = [one for known, one in self._before if known is storage]
        if found and self.lifecycle.use(storage):
            outlet = found[-1]
            outlet.name = name
        else:
            outlet = self._opened(storage, name)
        self._outlets.append((storage, outlet))
        self._books = Books({one.name: (known, one.ledger) for known, one in self._outlets})
        return outlet

    def _opened(self, storage: Storage, name: str) -> Outlet:
        lifecycle = self.lifecycle
        lifecycle.start(storage, name)
        outlet = Outlet(storage, name, self.telemetry, clock=self.clock)
        # What a storage hands on may go to one that another field names: nothing is closed before
        # everything has been handed on. The queue comes before the storage behind it.
        flush = ability(storage, "flush")
        if flush is not None:
            lifecycle.before_close(name, flush, storage, own=True)
        lifecycle.before_close(name, outlet.close, storage)
        return outlet

    @property
    def storages(self) -> list[Storage]:
        """The storages that have queues."""
        return [storage for storage, _ in self._outlets]

    @property
    def outlets(self) -> list[Outlet]:
        """Their queues."""
        return [outlet for _, outlet in self._outlets]

    @property
    def books(self) -> Books:
        """What became of the samples of all storages."""
        return self._books

    def resident_bytes(self) -> int | None:
        """Resident memory of this process (``/proc/self/statm``); None where it cannot be read."""
        try:
            return parse_resident_bytes(self._statm.read()) if self._statm else None
        except (NotAvailable, TargetGone, Malformed):
            return None

    def common_labels(self, extra: Mapping[str, str], *, optional: bool) -> dict[str, str]:
        """Labels of every metric: the host, by option the machine's facts, and the user's own."""
        labels = {"host": socket.gethostname()}
        if optional:
            labels |= self.information()
        return {**labels, **extra}

    def information(self) -> dict[str, str]:
        """The facts of agent and machine that ``wca_information`` carries."""
        platform = self.platform
        return {
            "wca_version": __version__,
            "cpu_model": platform.cpu_model,
            "sockets": str(platform.sockets),
            "cores": str(platform.cores),
            "cpus": str(platform.cpus),
        }

    def identity(self) -> Measurements:
        """Which agent this is, and by which configuration it runs."""
        build: Measurements = {"wca_build_info": {__version__: {python_version(): 1}}}
        if self.fingerprint is None:
            return build
        return build | {"wca_config_info": {self.fingerprint: 1}}

    def _open_statm(self) -> KernelFile | None:
        try:
            return self.kernel.open("/proc/self/statm")
        except NotAvailable:
            return None
