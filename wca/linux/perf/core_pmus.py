"""Which PMU counts on which CPU: processors with several kinds of cores have one for each kind.

Such a PMU lists its CPUs in ``cpus`` (``cpu_core`` and ``cpu_atom`` of x86-64, one for each kind of
core of arm64). Elsewhere one PMU counts on all CPUs: ``cpu``, ``armv8_pmuv3_0``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from wca.linux.files import FileTree
from wca.linux.perf.events import PerfEvent
from wca.linux.perf.pmu import PMUS, Pmu, pmu_names, read_pmus

__all__ = ["CorePmus", "CpuKind", "event_on"]

_HARDWARE, _HW_CACHE, _RAW = 0, 3, 4
# PERF_PMU_TYPE_SHIFT: the PMU of a generic event stands above its code (Linux 5.13).
_PMU_TYPE_SHIFT = 32


@dataclass(frozen=True)
class CpuKind:
    """CPUs that one PMU counts on.

    Args:
        pmu: None where the kernel names none, as in a virtual machine without one.
        cpus: ascending.
    """

    pmu: Pmu | None
    cpus: tuple[int, ...]

    @property
    def name(self) -> str:
        """The name of the PMU; empty where there is none."""
        return "" if self.pmu is None else self.pmu.name


class CorePmus:
    """The PMUs of this machine's CPUs.

    Args:
        files: what sysfs is read through. Nothing is read before the first question.
    """

    def __init__(self, files: FileTree) -> None:
        self._files = files
        self._pmus: tuple[Pmu, ...] | None = None

    def kinds(self, cpus: Iterable[int]) -> list[CpuKind]:
        """The CPUs, by the PMU that counts on them.

        Args:
            cpus: numbers of CPUs that are online, ascending.
        """
        wanted = list(cpus)
        kinds = self._sorted_out(wanted)
        if self.several and any(kind.pmu is None for kind in kinds):
            self._pmus = None  # a CPU has come online since they were read
            kinds = self._sorted_out(wanted)
        return kinds

    @property
    def several(self) -> bool:
        """Whether there are several kinds of CPUs."""
        return len(self._known()) > 1

    def _known(self) -> tuple[Pmu, ...]:
        if self._pmus is None:
            names = {name for name in pmu_names(self._files) if self._is_of_cpus(name)}
            self._pmus = tuple(read_pmus(self._files, names.__contains__).values())
        return self._pmus

    def _is_of_cpus(self, name: str) -> bool:
        return name == "cpu" or "cpus" in self._files.listdir(f"{PMUS}/{name}")

    def _sorted_out(self, cpus: list[int]) -> list[CpuKind]:
        kinds, left = [], cpus
        for pmu in self._known():
            own = tuple(cpu for cpu in left if pmu.cpus is None or cpu in pmu.cpus)
            left = [cpu for cpu in left if cpu not in own]
            kinds.append(CpuKind(pmu, own))
        return [kind for kind in (*kinds, CpuKind(None, tuple(left))) if kind.cpus]


def event_on(event: PerfEvent, pmu: Pmu) -> PerfEvent:
    """The event as it is asked for on CPUs of one of several kinds.

    Args:
        event: generic or raw; one of another type stays as it is.
        pmu: that of the CPUs.
    """
    if event.type in (_HARDWARE, _HW_CACHE):
        return replace(event, config=event.config | pmu.type << _PMU_TYPE_SHIFT)
    if event.type == _RAW:  # by itself the type of the first PMU
        return replace(event, type=pmu.type)
    return event
