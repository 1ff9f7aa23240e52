"""Number, size and speed of the machine's memory modules."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Annotated

from wca.collectors.api import INTERVAL, Collector, NodeTarget, NotAvailable, Probe, TaskTarget
from wca.collectors.constant import ConstantProbe
from wca.config.types import Injected
from wca.errors import StartError
from wca.linux.dmidecode import MemoryModule, parse_memory_modules, run_dmidecode
from wca.metrics import Measurements

__all__ = ["NodeMemoryHardwareCollector"]

_HOUR = 3600.0


class NodeMemoryHardwareCollector(Collector):
    """Memory modules by type: ``ram``, ``nvm`` (persistent), ``hbm`` and ``cxl``.

    Read once: modules do not change while the machine runs. A number that the firmware tells of
    some modules of a type only is left out.

    Source: ``dmidecode --quiet -t memory``, which needs root and the package dmidecode.

    Args:
        required: do not start where it cannot be read; otherwise that is said once.
        interval: how often the same numbers are given to the loop.
        run: for tests: gives what dmidecode prints.
    """

    scope = "node"
    blocking = True
    emits = (
        "platform_dimm_count",
        "platform_dimm_total_size_bytes",
        "platform_dimm_speed_bytes_per_second",
    )

    def __init__(
        self,
        required: bool = False,
        interval: Annotated[float, INTERVAL] | None = _HOUR,
        *,
        run: Annotated[Callable[[], str] | None, Injected()] = None,
    ) -> None:
        super().__init__(interval)
        self.required = required
        self._run = run_dmidecode if run is None else run
        self._values: Measurements | None = None

    def check(self) -> list[str]:
        """What keeps the modules from being read here, where that is an error."""
        if not self.required:
            return []
        try:
            self._values = self._read()
        except NotAvailable as absent:
            problem = f"the memory modules cannot be read: {absent.reason}"
            return [f"{problem}; put that right, or do not require them"]
        return []

    def start(self) -> None:
        """Read the modules now where they are required. Raises StartError."""
        for problem in self.check():
            raise StartError(problem)

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:  # noqa: ARG002 - see the contract
        """Read the modules. Raises NotAvailable."""
        return ConstantProbe(self._read() if self._values is None else self._values)

    def _read(self) -> Measurements:
        modules = parse_memory_modules(self._run())
        if not modules:
            raise NotAvailable("dmidecode tells of no memory module")
        return _measurements(modules)


def _measurements(modules: Sequence[MemoryModule]) -> Measurements:
    count = Counter(module.kind for module in modules)
    values: Measurements = {"platform_dimm_count": dict(count)}
    sizes = {kind: _sum([one.size for one in modules if one.kind == kind]) for kind in count}
    known = {kind: size for kind, size in sizes.items() if size is not None}
    if known:
        values["platform_dimm_total_size_bytes"] = known
    speed = _sum([one.speed for one in modules if one.kind == "ram"])
    if speed:
        values["platform_dimm_speed_bytes_per_second"] = speed
    return values


def _sum(numbers: Sequence[float | None]) -> float | None:
    """The sum; None when one of them is not known."""
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None
