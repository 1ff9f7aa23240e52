"""What a runner can be told about resctrl, and whether this machine can do it."""

from collections.abc import Callable
from dataclasses import dataclass

from wca.allocations.files import KernelFiles
from wca.allocations.groups import Groups
from wca.allocations.resctrl.asked import parse_asked
from wca.allocations.resctrl.control import Control, read_control
from wca.allocations.resctrl.opening import find_resctrl_files
from wca.allocations.resctrl.paths import ROOT
from wca.allocations.resctrl.rdt import Rdt
from wca.allocations.resctrl.state import State
from wca.allocators.api import AllocationType, RDTAllocation, TaskAllocations
from wca.detectors.api import TaskData
from wca.errors import NotAvailable, ValidationError

__all__ = ["RdtOptions", "reading"]


@dataclass(frozen=True)
class RdtOptions:
    """Fields of AllocationRunner and of AllocationConfiguration, which say what they mean."""

    act: bool
    cache_required: bool
    mb_required: bool
    remove_all: bool
    default_l3: str | None
    default_mb: str | None

    @property
    def root_rows(self) -> RDTAllocation | None:
        """What the root group is to have; None: what it has."""
        if self.default_l3 is None and self.default_mb is None:
            return None
        return RDTAllocation("", self.default_l3, self.default_mb)

    def problems(self, files: KernelFiles) -> list[str]:
        """What of it cannot be done on this machine, in sentences; changes nothing."""
        if not (self.cache_required or self.mb_required or self.root_rows):
            return []
        found, options = find_resctrl_files(files)
        state = State(found, lambda: read_control(found, state.point, options))
        try:
            control = state.control
        except NotAvailable as error:
            return [f"{self._who()}: {error}"]
        return [*self._lacks(control), *self._wrong(state, control)]

    def _who(self) -> str:
        options = (
            ("rdt_cache_control_required", self.cache_required),
            ("rdt_mb_control_required", self.mb_required),
            ("default_rdt_l3", self.default_l3),
            ("default_rdt_mb", self.default_mb),
        )
        return next(name for name, wanted in options if wanted)

    def _lacks(self, control: Control) -> list[str]:
        problems = []
        if self.cache_required and not {"L3", "L3CODE"} & control.resources.keys():
            problems.append("rdt_cache_control_required: resctrl controls no L3 cache here")
        if self.mb_required and "MB" not in control.resources:
            problems.append("rdt_mb_control_required: resctrl controls no memory bandwidth here")
        return problems

    def _wrong(self, state: State, control: Control) -> list[str]:
        if self.root_rows is None:
            return []
        try:
            asked = parse_asked(self.root_rows, control.resources)
            for one, row in asked.rows.items():
                control.complete(one, row, state.base(ROOT, one))
        except (NotAvailable, ValidationError) as error:
            return [f"default_rdt_l3 or default_rdt_mb: {error}"]
        return []


def reading(groups: Groups, rdt: Rdt) -> Callable[[TaskData], TaskAllocations]:
    """What reads everything that is in force for a task, resctrl as well."""

    def read(task: TaskData) -> TaskAllocations:
        found = groups.read(task)
        in_resctrl = rdt.read(task)
        if in_resctrl is not None:
            found[AllocationType.RDT] = in_resctrl
        return found

    return read
