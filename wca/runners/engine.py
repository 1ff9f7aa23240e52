"""What exists from the start to the end of a run: kernel, containers, probes, storage queues."""

import socket
from collections.abc import Callable, Mapping
from platform import python_version
from typing import Protocol, runtime_checkable

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
        self._fingerprint = fingerprint
        self.clock = clock
        self.telemetry = Telemetry(clock.monotonic)
        self.telemetry.count("wca_overruns", 0)
        self.telemetry.count("wca_loop_stuck", 0)
        self.lifecycle = Lifecycle(clock)
        self.platform: Platform = read_platform(kernel)
        #: Takes the records of what was found and decided, for people who look; None: nobody does.
        self.decisions: Sink | None = None
        self._outlets: list[tuple[Storage, Outlet]] = []
        self._books = Books({})
        self.lifecycle.on_close("kernel files", lambda _timeout: kernel.close())
        self._statm = self._open_statm()

    def start_node(self, node: Node, changed: Callable[[], None]) -> None:
        """Start the node, which reads the kernel through the same object.

        Args:
            node: finds the tasks.
            changed: for a node that learns by itself that its list has changed.

        Raises:
            StartError: it cannot start.
        """
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
                return outlet
        self.lifecycle.start(storage, name)
        outlet = Outlet(storage, name, self.telemetry, clock=self.clock)
        # What a storage hands on may go to one that another field names: nothing is closed before
        # everything has been handed on. The queue comes before the storage behind it.
        flush = ability(storage, "flush")
        if flush is not None:
            self.lifecycle.before_close(name, flush)
        self.lifecycle.before_close(name, outlet.close)
        self._outlets.append((storage, outlet))
        self._books = Books({one.name: (known, one.ledger) for known, one in self._outlets})
        return outlet

    @property
    def storages(self) -> list[Storage]:
        """The storages that have queues."""
        return [storage for storage, _ in self._outlets]

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
        if self._fingerprint is None:
            return build
        return build | {"wca_config_info": {self._fingerprint: 1}}

    def _open_statm(self) -> KernelFile | None:
        try:
            return self.kernel.open("/proc/self/statm")
        except NotAvailable:
            return None
