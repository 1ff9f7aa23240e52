"""Intel Optane persistent memory: how it is used, and what it can carry."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, TypeVar

from wca.collectors.api import INTERVAL, Collector, NodeTarget, NotAvailable, Probe, TaskTarget
from wca.collectors.constant import ConstantProbe
from wca.config.types import Injected
from wca.linux.ipmctl import (
    MEMORY,
    MODULES,
    MODULES_2,
    REGIONS,
    OptaneModule,
    module_bandwidth,
    parse_memory_mode_bytes,
    parse_modules,
    parse_regions,
    run_ipmctl,
)
from wca.metrics import Measurements

__all__ = ["NodeOptaneCollector"]

_T = TypeVar("_T")
_HOUR = 3600.0
_READ = "platform_nvdimm_read_bandwidth_bytes_per_second"
_WRITE = "platform_nvdimm_write_bandwidth_bytes_per_second"


class NodeOptaneCollector(Collector):
    """Modules of Intel Optane persistent memory: capacity, power budget, theoretical bandwidth.

    Asked once: modules do not change while the machine runs. The bandwidth of a socket is that of
    the modules in its regions together, or of all of its modules where it has no region; it follows
    from their size and power budget. Capacity and power budget are given where all modules have the
    same.

    Source: ``ipmctl show`` with ``-memoryresources``, ``-dimm`` and ``-region``, which needs root
    and the package ipmctl.

    Args:
        interval: how often the same numbers are given to the loop.
        run: for tests: gives what ipmctl prints.
    """

    scope = "node"
    blocking = True
    emits = (
        "platform_mem_mode_size_bytes",
        "platform_capacity_per_nvdimm_bytes",
        "platform_avg_power_per_nvdimm_watts",
        _READ,
        _WRITE,
    )

    def __init__(
        self,
        interval: Annotated[float, INTERVAL] | None = _HOUR,
        *,
        run: Annotated[Callable[[Sequence[str]], str] | None, Injected()] = None,
    ) -> None:
        super().__init__(interval)
        self._run: Callable[[Sequence[str]], str] = run_ipmctl if run is None else run

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:  # noqa: ARG002 - see the contract
        """Ask ipmctl. Raises NotAvailable when there is no such module, or it cannot tell."""
        modules = self._modules()
        if not modules:
            raise NotAvailable("ipmctl tells of no module")
        values: Measurements = {}
        used = self._asked(MEMORY, parse_memory_mode_bytes)
        for name, value in (
            ("platform_mem_mode_size_bytes", used),
            ("platform_capacity_per_nvdimm_bytes", _common(one.capacity for one in modules)),
            ("platform_avg_power_per_nvdimm_watts", _common(one.power for one in modules)),
        ):
            if value is not None:
                values[name] = value
        regions = self._asked(REGIONS, parse_regions)
        return ConstantProbe(values | ({} if regions is None else _bandwidths(modules, regions)))

    def _modules(self) -> list[OptaneModule]:
        try:
            return parse_modules(self._run(MODULES))
        except NotAvailable:  # another version, which does not know the attribute
            return parse_modules(self._run(MODULES_2))

    def _asked(self, arguments: Sequence[str], parse: Callable[[str], _T]) -> _T | None:
        """What ipmctl says of one thing; None where it cannot."""
        try:
            return parse(self._run(arguments))
        except NotAvailable:
            return None


def _common(numbers: Iterable[float | None]) -> float | None:
    """The number that all modules have; None where they differ, or one is not known."""
    found = set(numbers)
    return found.pop() if len(found) == 1 else None


def _bandwidths(modules: Sequence[OptaneModule], regions: Mapping[str, set[str]]) -> Measurements:
    """Sums by socket; none for a socket of which one module's is not known."""
    by_socket: dict[str, list[tuple[float, float] | None]] = {}
    for module in modules:
        if module.socket is None:
            return {}
        region = regions.get(module.socket)
        if not region or module.id in region:
            by_socket.setdefault(module.socket, []).append(module_bandwidth(module))
    read: dict[str, float] = {}
    write: dict[str, float] = {}
    for socket, pairs in by_socket.items():
        known = [pair for pair in pairs if pair is not None]
        if len(known) == len(pairs):
            read[socket], write[socket] = map(sum, zip(*known, strict=True))
    return {_READ: read, _WRITE: write} if read else {}
