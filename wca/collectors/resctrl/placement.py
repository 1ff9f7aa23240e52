"""Keeps the threads of one task in monitoring groups."""

import errno
import os
from collections.abc import Callable
from typing import NamedTuple

from wca.collectors.resctrl.counts import Counts, GroupCounts
from wca.collectors.resctrl.groups import NoGroup, ResctrlGroups
from wca.errors import NotAvailable, TargetGone
from wca.linux.files import FileTree
from wca.linux.processes import has_ended
from wca.linux.resctrl.values import Place

__all__ = ["Obstacle", "Placement"]

# While a task starts threads, an allocator moves it, or both, it takes a few rounds until nothing
# is left to do.
_ROUNDS = 4

# A thread that has ended, one that was moved to another control group at this moment, and a group
# that was removed: the next round sees how things are.
_PASSING = (errno.ESRCH, errno.EINVAL, errno.ENODEV, errno.ENOENT)


class Obstacle(NamedTuple):
    """Why a task cannot be measured now.

    Args:
        reason: in a word.
        sentence: for the log.
    """

    reason: str
    sentence: str


class Placement:
    """The monitoring groups that hold the threads of one task.

    A thread that is in no monitoring group is put into ours, which lies in the control group that
    it is in: what it may use stays the same. A group of somebody else is left as it is, and read.

    Args:
        groups: those of all tasks.
        name: of our groups for this task.
        cgroup_path: the task's.
        events: what this machine counts.
        files: what /proc is read through.
    """

    def __init__(
        self,
        groups: ResctrlGroups,
        name: str,
        cgroup_path: str,
        events: tuple[str, ...],
        files: FileTree,
    ) -> None:
        self.cgroup_path = cgroup_path
        self._groups = groups
        self._resctrl = groups.resctrl
        self._name = name
        self._events = events
        self._files = files
        self._counts: dict[Place, GroupCounts] = {}
        self._threads: dict[Place, set[int]] = {}
        self._members: set[int] = set()
        self._mixed: set[Place] = set()
        self._settled = False  # whether the threads were all found once
        groups.register(name, self)

    def uses(self, place: Place) -> bool:
        """Whether this group is used, or may still turn out to be."""
        return not self._settled or place in self._counts

    def follow(self, threads: Callable[[], set[int]]) -> Obstacle | None:
        """Put what is new into groups, as far as there are any.

        Args:
            threads: gives the task's threads; may raise TargetGone.

        Returns:
            Why what the groups count is not what the task does; None when it is.

        Raises:
            NotAvailable: this process may not write to resctrl.
            OSError: the kernel refused something for an unknown reason.
        """
        obstacle = self._settle(threads)
        self._mixed = self._find_mixed(threads)
        if obstacle or not self._mixed:
            return obstacle
        return Obstacle(
            "shared_group",
            f"the monitoring group {self._resctrl.folder(min(self._mixed))}, which is not made for "
            "this task, holds threads of it and of others",
        )

    def read(self) -> Counts:
        """What all its groups count; what a group counts while it holds others too is left out."""
        counts = Counts()
        for place, group in self._counts.items():
            if place in self._mixed:
                group.skip(counts)
            else:
                group.read(counts)
        return counts

    def leave_empty_groups(self) -> None:
        """Give up groups in which none of its threads is any more; one, while it has no threads."""
        empty = [place for place in self._counts if not self._threads.get(place)]
        if not self._members and len(empty) == len(self._counts):
            empty = empty[1:]
        for place in empty:
            self._give_up(place)

    def close(self) -> None:
        """Remove our groups, unless the next run of this task has them already; safe twice."""
        places = list(self._counts)
        remove = self._groups.release(self._name, self)
        for place in places:
            self._counts.pop(place).close()
        for place in places if remove else ():
            if place.monitoring == self._name:
                self._groups.remove(place)

    def _settle(self, threads: Callable[[], set[int]]) -> Obstacle | None:
        """Act until nothing is left to do; why that cannot be, or nothing."""
        for _ in range(_ROUNDS):
            try:
                if self._round(threads):
                    self._settled = True
                    return None
            except NoGroup as none:
                return Obstacle("exhausted", str(none))
        return Obstacle("moving", "its threads are moved faster than they can be followed")

    def _round(self, threads: Callable[[], set[int]]) -> bool:
        """Look where the threads are, and act; True when there was nothing to do.

        The groups are read before the task: a thread that is started in between is in a group, but
        not yet known there; one that ends in between is not among the task's.
        """
        held = {}
        for place in list(self._counts):
            inside = self._resctrl.threads(place)
            if inside is None:  # somebody removed it, with what it counted
                self._counts.pop(place).close()
            else:
                held[place] = inside
        self._members = members = threads()
        self._threads = {place: inside & members for place, inside in held.items()}
        self._give_back({place: inside - members for place, inside in held.items()})
        for place in held:  # what a group of somebody else counts now is not the task's
            if place.monitoring != self._name and not self._threads[place]:
                self._give_up(place)
        unknown = members.difference(*held.values())
        acted = False
        for place, here in self._resctrl.places_of(unknown).items():
            acted = self._take(place, here) or acted
        return not acted

    def _take(self, place: Place, threads: set[int]) -> bool:
        """Make sure that threads that are in this place are counted; False when they are."""
        if place in self._counts:
            self._threads.setdefault(place, set()).update(threads)
            return False
        mine = Place(place.control, self._name)
        if place == mine or not place.monitoring or self._may_take_from(place):
            self._join(mine, () if place == mine else threads)
            self._threads.setdefault(mine, set()).update(threads)
        else:
            self._counts[place] = GroupCounts(
                self._resctrl, place, self._events, whole=not self._settled
            )
        return True

    def _may_take_from(self, place: Place) -> bool:
        return self._groups.may_take_from(place.monitoring, self.cgroup_path)

    def _join(self, place: Place, threads: set[int] | tuple[()]) -> None:
        """Put threads into a group of ours, which is made when it is not there."""
        try:
            if place not in self._counts:
                whole = self._groups.make(place) or not self._settled
                self._counts[place] = GroupCounts(self._resctrl, place, self._events, whole=whole)
            self._write(place, threads)
        except TargetGone:  # the control group was removed: the next round sees where they are now
            return

    def _write(self, place: Place, threads: set[int] | tuple[()]) -> None:
        if not threads:
            return
        path = self._resctrl.folder(place) + "/tasks"
        try:
            failures = self._resctrl.files.write_each(path, sorted(threads))
        except OSError as unopened:
            failures = [unopened]
        for error in failures:
            if error.errno in (errno.EPERM, errno.EACCES, errno.EROFS):
                reason = os.strerror(error.errno)
                raise NotAvailable(f"{path} cannot be written ({reason}): run the agent as root")
            if error.errno not in _PASSING:
                raise OSError(error.errno, os.strerror(error.errno or 0), path)

    def _give_back(self, strangers: dict[Place, set[int]]) -> None:
        """Threads that have left the task's cgroup go back to the control group itself.

        What they were started by put them into our group. Its control group is the one that they
        are in, so that what they may use stays the same; where the kernel cannot confirm this, a
        thread is left where it is.
        """
        for place, threads in strangers.items():
            if place.monitoring != self._name:
                continue
            inside = {thread for thread in threads if self._resctrl.place_of(thread) == place}
            self._write(Place(place.control, ""), inside)

    def _find_mixed(self, threads: Callable[[], set[int]]) -> set[Place]:
        """Groups of somebody else that hold threads of the task, and others."""
        mixed = set()
        for place in self._counts:
            if place.monitoring != self._name:
                inside = self._resctrl.threads(place) or set()
                others = inside - threads()
                if not all(has_ended(self._files, thread) for thread in others):
                    mixed.add(place)
        return mixed

    def _give_up(self, place: Place) -> None:
        self._counts.pop(place).close()
        if place.monitoring == self._name:
            self._groups.remove(place)
