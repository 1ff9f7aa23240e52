"""The monitoring groups that this agent has made: made, given back, and found again."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from wca.collectors.resctrl.names import is_ours
from wca.errors import Exhausted, NotAvailable, TargetGone
from wca.linux.resctrl.tree import Resctrl
from wca.linux.resctrl.values import Place

__all__ = ["NoGroup", "Owner", "ResctrlGroups"]

# Seconds until the kernel is asked again for a group after it had none left.
_RETRY = 10.0
# Seconds between two searches for groups that nobody uses. The first one comes as long after the
# start: a task whose group a former run has left behind shall find it.
_SWEEP = 30.0

_GONE = (errno.ENOENT, errno.ENODEV)
_FORBIDDEN = (errno.EPERM, errno.EACCES, errno.EROFS)


class NoGroup(Exhausted):
    """There is no monitoring group left for a task; the text says why and what helps."""


class Owner(Protocol):
    """Who uses the groups of one name."""

    @property
    def cgroup_path(self) -> str:
        """The cgroup whose threads they hold."""

    def uses(self, place: Place) -> bool:
        """Whether this group is used, or may still turn out to be."""


class ResctrlGroups:
    """Our monitoring groups, for all tasks. They are made with the first need.

    Args:
        resctrl: where they are.
        monotonic: a clock in seconds.
    """

    def __init__(self, resctrl: Resctrl, monotonic: Callable[[], float]) -> None:
        self.resctrl = resctrl
        self._monotonic = monotonic
        self._owners: dict[str, Owner] = {}
        self._sweep_at = monotonic() + _SWEEP
        self._retry_at = monotonic()
        self._shortage = ""
        #: Whether a task was read: who only looks whether that can be done removes nothing.
        self.used = False

    def register(self, name: str, owner: Owner) -> None:
        """Groups of this name are used from now on."""
        self._owners[name] = owner

    def release(self, name: str, owner: Owner) -> bool:
        """Groups of this name are not used any more.

        Returns:
            False when somebody else uses them by now.
        """
        if self._owners.get(name) is not owner:
            return False
        del self._owners[name]
        return True

    def may_take_from(self, name: str, cgroup_path: str) -> bool:
        """Whether threads of a cgroup may leave a monitoring group of this name for another one.

        They may, when the group is ours and nobody uses it, or only a task whose cgroup holds this
        one: it then reads both groups. A group of somebody else is never touched.
        """
        if not is_ours(name):
            return False
        owner = self._owners.get(name)
        return owner is None or _is_below(cgroup_path, owner.cgroup_path)

    def make(self, place: Place) -> bool:
        """Make a group.

        Returns:
            False when it was there already.

        Raises:
            NoGroup: the processor can tell no more groups apart at the moment.
            TargetGone: the control group was removed.
            NotAvailable: this process may not make groups.
        """
        if self._monotonic() < self._retry_at:
            raise NoGroup(self._shortage)
        try:
            return self._make(place)
        except NoGroup as none:
            if self._remove(place for place in self._unused() if not self.resctrl.threads(place)):
                return self._make(place)
            self._retry_at, self._shortage = self._monotonic() + _RETRY, str(none)
            raise

    def remove(self, place: Place) -> None:
        """Remove a group; its threads stay in its control group."""
        try:
            self.resctrl.files.remove(self.resctrl.folder(place))
        except OSError as error:
            if error.errno not in _GONE:
                raise
        self._retry_at = self._monotonic()  # somebody may be waiting for it

    def sweep_when_due(self) -> None:
        """Now and then remove the groups that a former run left behind."""
        self.used = True
        if self._monotonic() >= self._sweep_at:
            self.sweep()

    def sweep(self) -> int:
        """Remove our groups that nobody uses; how many that were."""
        self._sweep_at = self._monotonic() + _SWEEP
        return self._remove(self._unused())

    def _remove(self, places: Iterable[Place]) -> int:
        found = list(places)
        for place in found:
            self.remove(place)
        return len(found)

    def _unused(self) -> Iterator[Place]:
        """Our groups that nobody uses; with threads in them their task may still come."""
        for place in self.resctrl.all_monitoring_groups():
            owner = self._owners.get(place.monitoring)
            if is_ours(place.monitoring) and (owner is None or not owner.uses(place)):
                yield place

    def _make(self, place: Place) -> bool:
        folder = self.resctrl.folder(place)
        try:
            return self.resctrl.files.make(folder)
        except OSError as error:
            if error.errno in _GONE:
                raise TargetGone(f"{folder} cannot be made: its control group is gone") from None
            if error.errno == errno.ENOSPC:
                raise NoGroup(f"all {self._rmids()} monitoring groups are in use") from None
            if error.errno == errno.EBUSY:
                raise NoGroup(
                    f"of {self._rmids()} monitoring groups those that are not in use still have "
                    "data in the L3 cache, more than info/L3_MON/max_threshold_occupancy"
                ) from None
            if error.errno in _FORBIDDEN:
                raise NotAvailable(
                    f"{folder} cannot be made ({os.strerror(error.errno)}): run the agent as root "
                    "and let resctrl be mounted for writing"
                ) from None
            raise

    def _rmids(self) -> str:
        """How many groups the processor can tell apart, for a sentence."""
        try:
            path = f"{self.resctrl.point}/info/L3_MON/num_rmids"
            return self.resctrl.files.read(path).decode("ascii", "replace").strip()
        except (NotAvailable, TargetGone):
            return ""


def _is_below(path: str, above: str) -> bool:
    return path != above and path.startswith(above.rstrip("/") + "/")
