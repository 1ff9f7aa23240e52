"""Services and scopes of systemd, from the cgroup tree."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated

from wca.clock import Clock
from wca.config.types import Injected, Path, Str
from wca.errors import TaskSynchronizationException, WcaError
from wca.linux.cgroups import normal_cgroup_path
from wca.linux.files import Kernel
from wca.nodes.api import Node, Task
from wca.nodes.cgroup_names import Unit, printable, slice_path, unit_of
from wca.nodes.left_out import LeftOut
from wca.nodes.limits import LimitsAsResources
from wca.nodes.reading import Reading

__all__ = ["SystemdNode"]

#: The hierarchy of cgroup v1 in which systemd has every unit, whatever is measured of it.
_NAMED = "name=systemd"
_NOT_MEASURED = (
    "it has no cgroup for CPU or memory: write CPUAccounting=yes or MemoryAccounting=yes for it"
)
_ROOT_SLICE, _USER_SLICE, _USER_MANAGER = "-.slice", "user.slice", "user@.service"
_UNITS = ("service", "scope")


@dataclass(frozen=True, slots=True)
class _Found:
    """A unit in the tree.

    Args:
        path: of its cgroup.
        unit: its names.
        slice: the slice that it is in.
        user: number of the user in whose slice it is; empty: in none's.
    """

    path: str
    unit: Unit
    slice: str
    user: str


class SystemdNode(Node):
    """Services and scopes of systemd, found in the cgroup tree; nothing is asked over D-Bus.

    A unit that is active has a cgroup of its name in that of its slice, on every version of
    cgroups. Groups below it are part of it. On a host with cgroup v1 systemd makes groups for CPU
    and memory only where accounting is on: a unit with neither is left out and said.

    The task's name is that of the unit, its id the path of its cgroup without the leading ``/``.
    Labels: ``unit``, as systemctl prints it; ``slice``; ``type``, ``service`` or ``scope``;
    ``template`` and ``instance`` of ``foo@bar.service``; ``user``, the number of the user in whose
    slice it is. Resources, where they are set: ``cpus`` (CPUQuota), ``mem`` in bytes (MemoryMax),
    ``cpu_weight`` (CPUWeight); a change is noticed within a minute.

    Args:
        slices: whose units, with those of the slices in them; ``-.slice`` is all.
        user_units: the units of users too: sessions, and instead of each manager of a user
            (``user@1000.service``) the services and scopes that it runs.
        units: patterns such as ``nginx*.service`` of the names of units to take; all when left out.
        exclude: patterns of the names of units to leave out.
        root: the cgroup in which systemd has its slices: another one than ``/`` for the systemd of
            a container.
        kernel: for tests: what kernel files are read through.
        clock: for tests: time.

    Raises:
        ValidationError: a slice has no name of one, or ``root`` is no path of a cgroup.
    """

    def __init__(
        self,
        slices: list[Annotated[str, Str()]] | None = None,
        user_units: bool = False,
        units: list[Annotated[str, Str()]] | None = None,
        exclude: list[Annotated[str, Str()]] | None = None,
        root: Annotated[str, Path()] = "/",
        *,
        kernel: Annotated[Kernel | None, Injected()] = None,
        clock: Annotated[Clock | None, Injected()] = None,
    ) -> None:
        names = ["system.slice"] if slices is None else list(slices)
        if user_units:
            names.append(_USER_SLICE)
        above = normal_cgroup_path(root).rstrip("/")
        self._tops = [(above + slice_path(name).rstrip("/"), name) for name in names]
        self._user_units = user_units
        self._wanted = ["*"] if units is None else list(units)
        self._unwanted = list(exclude or ())
        self._reading = Reading(kernel)
        self._limits = LimitsAsResources(clock)
        self._left_out = LeftOut("SystemdNode")
        self._tasks: dict[str, Task] = {}

    def use_kernel(self, kernel: Kernel) -> None:
        """Read through this one from now on, unless one was given from Python."""
        self._reading.use(kernel)

    def get_tasks(self) -> list[Task]:
        """List the units that are active now.

        Raises:
            TaskSynchronizationException: the cgroup tree cannot be read.
        """
        not_measured: dict[str, str] = {}
        try:
            self._reading.need_cgroups()
            found = {
                one.path: one
                for path, name in self._tops
                for one in self._units(path or "/", name, "", not_measured)
            }
            self._tasks = {path: self._task(one) for path, one in found.items()}
        except WcaError as error:
            raise TaskSynchronizationException(f"cgroups cannot be listed: {error}") from None
        self._left_out.tell(not_measured)
        self._limits.keep(self._tasks)
        return list(self._tasks.values())

    def _units(
        self, path: str, slice_name: str, user: str, not_measured: dict[str, str]
    ) -> Iterator[_Found]:
        """Units from here down; into ``not_measured`` those that nothing is measured of."""
        measured = set(self._reading.hierarchies.children(path) or ())
        known = self._reading.hierarchies.children(path, _NAMED) or ()
        for name in sorted(measured.union(known)):
            unit, below = unit_of(name), f"{path.rstrip('/')}/{name}"
            if unit.type == "slice":
                uid = _user(unit, slice_name) or user
                yield from self._units(below, unit.name, uid, not_measured)
            elif self._user_units and unit.template == _USER_MANAGER:
                yield from self._units(below, _ROOT_SLICE, user, not_measured)
            elif self._takes(unit) and name in measured:
                yield _Found(below, unit, slice_name, user)
            elif self._takes(unit):
                not_measured[unit.name] = _NOT_MEASURED

    def _takes(self, unit: Unit) -> bool:
        return (
            unit.type in _UNITS
            and any(fnmatchcase(unit.name, pattern) for pattern in self._wanted)
            and not any(fnmatchcase(unit.name, pattern) for pattern in self._unwanted)
        )

    def _task(self, found: _Found) -> Task:
        resources = self._limits.of(found.path, self._reading.hierarchies)
        known = self._tasks.get(found.path)
        if known is not None and known.resources == resources:
            return known
        unit = found.unit
        labels = {
            "unit": unit.name,
            "slice": found.slice,
            "type": unit.type,
            "template": unit.template,
            "instance": unit.instance,
            "user": found.user,
        }
        return Task(
            unit.readable,
            printable(found.path).lstrip("/"),
            found.path,
            {name: text for name, text in labels.items() if text},
            resources,
        )


def _user(unit: Unit, slice_name: str) -> str:
    """The number of the user whose slice this is, inside ``user.slice``; empty: it is no such."""
    number = unit.name.removeprefix("user-").removesuffix(".slice")
    return number if slice_name == _USER_SLICE and number.isdigit() else ""
