"""What resctrl is like at the beginning of an interval."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

from wca.allocations.api import Entry
from wca.allocations.resctrl.control import Control
from wca.allocations.resctrl.files import RdtFiles
from wca.allocations.resctrl.paths import PRESENT, ROOT, folder_of, is_group
from wca.errors import NotAvailable
from wca.linux.parse import Malformed
from wca.linux.resctrl.schemata import Row, parse_schemata

__all__ = ["State", "groups_in_force", "places_in_force"]


class State:
    """The groups that there are, and their rows; each is read once.

    Args:
        files: how resctrl is read.
        control: gives what can be controlled; raises NotAvailable.
    """

    def __init__(self, files: RdtFiles, control: Callable[[], Control]) -> None:
        self._files = files
        self._control = control
        self._rows: dict[str, dict[str, Row]] = {}

    @cached_property
    def point(self) -> str:
        """Where it is mounted. Raises NotAvailable."""
        if self._files.point is None:
            raise NotAvailable("resctrl is not mounted: mount -t resctrl resctrl /sys/fs/resctrl")
        return self._files.point

    @cached_property
    def control(self) -> Control:
        """What can be controlled. Raises NotAvailable."""
        return self._control()

    @cached_property
    def groups(self) -> frozenset[str]:
        """Names of the control groups without the root. Raises NotAvailable."""
        try:
            return frozenset(self._files.groups())
        except OSError as error:
            raise NotAvailable(f"{self.point} cannot be read: {error.strerror}") from None

    def folder(self, group: str) -> str:
        """The folder of a group that is given as a path below the mount."""
        return self.point if group == ROOT else self.point + group

    def is_there(self, group: str) -> bool:
        """Whether there is such a group."""
        return group == ROOT or group.removeprefix("/") in self.groups

    def rows(self, group: str) -> dict[str, Row]:
        """The rows of a group. Raises NotAvailable."""
        if group not in self._rows:
            path = f"{self.folder(group)}/schemata"
            try:
                self._rows[group] = parse_schemata(self._files.text(path).encode())
            except OSError as error:
                raise NotAvailable(f"{path} cannot be read: {error.strerror}") from None
            except Malformed as error:
                raise NotAvailable(f"{path}: {error}") from None
        return self._rows[group]

    def base(self, group: str, resource: str) -> Row:
        """What a row of a group is where nothing is said about it. Raises NotAvailable."""
        if self.is_there(group):
            row = self.rows(group).get(resource)
        else:
            root = self.rows(ROOT).get(resource)
            row = None if root is None else self.control.everything(resource, root)
        if row is None:
            raise NotAvailable(f"the schemata has no row {resource}")
        return row


def places_in_force(entries: Iterable[Entry]) -> dict[str, Entry]:
    """What was done about where threads are, by path."""
    return {entry.path: entry for entry in entries if folder_of(entry.path) is not None}


def groups_in_force(entries: Iterable[Entry]) -> Mapping[str, Entry]:
    """Groups that we have made, by path."""
    return {e.path: e for e in entries if is_group(e.path) and PRESENT in e.values}
