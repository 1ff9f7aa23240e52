"""One request of an allocator: what it means in files, and how much it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wca.allocations.api import Entry
from wca.allocations.changes import Change, Wanted
from wca.allocations.contract import Files
from wca.allocations.devices import with_device
from wca.allocations.encoding import Texts
from wca.allocations.gate import reason_of
from wca.allocations.groups import Groups, Place
from wca.allocations.idle import AFTER_IDLE, WHILE_IDLE, weight_file
from wca.allocations.knobs import Knob
from wca.allocations.values import key_of
from wca.allocators.api import AllocationType
from wca.detectors.api import TaskData
from wca.errors import NotAvailable, TargetGone, ValidationError, WcaError
from wca.linux.parse import Malformed

if TYPE_CHECKING:
    from wca.allocations.resctrl.rdt import Rdt

__all__ = ["Refused", "Request", "Requests", "foreign_of", "is_back"]

_UNLIMITED = "-1"


class Refused(WcaError):  # noqa: N818 - named for what the kernel or the value does
    """A request that cannot be made, with the reason."""


@dataclass
class Request:
    """What a request means.

    Args:
        wanted: the files that it changes.
        current: what is in all of them now, by path.
        before: the value in force; None: it cannot be told.
        amount: how much is asked for.
        now: how much is in force; None: it cannot be told.
        back: whether it is what was there before the agent.
        foreign: a file of it that somebody else has written since we did; empty: none.
        after: the value that would be in force; None: the one that was asked for.
        affects: group of resctrl in which others may be that feel it; None: there is none.
    """

    wanted: Wanted
    current: dict[str, str] = field(default_factory=dict)
    before: Any = None
    amount: float = 0.0
    now: float | None = None
    back: bool = False
    foreign: str = ""
    after: Any = None
    affects: str | None = None

    @property
    def changes(self) -> bool:
        """Whether anything would be written."""
        return any(self.current[one.path] != one.new for one in self.wanted.changes)


class Requests:
    """Makes requests of what allocators ask for.

    Args:
        groups: where files are.
        files: how they are read.
        rdt: makes those for resctrl.
    """

    def __init__(self, groups: Groups, files: Files, rdt: "Rdt") -> None:
        self._groups = groups
        self._files = files
        self._rdt = rdt

    def request(
        self, task: TaskData, type_: AllocationType, value: Any, entries: Mapping[str, Entry]
    ) -> Request:
        """What a request means now.

        Args:
            task: whose.
            type_: of allocation.
            value: that is asked for.
            entries: what is in force by the agent, by path.

        Raises:
            Refused: it cannot be made.
        """
        if type_ is AllocationType.RDT:
            return self._rdt.request(task, entries)
        try:
            place = self._groups.place(task, type_)
            texts = place.knob.encode(value, self._groups.machine)
            before = self._before(place)
            changes = self._changes(place, texts, entries)
            current = {one.path: self._files.read(one.path) for one in changes}
        except (NotAvailable, TargetGone, ValidationError, Malformed) as error:
            raise Refused(str(error)) from None
        except OSError as error:
            raise Refused(reason_of(error, str(error.filename))) from None
        knob = place.knob
        asked = knob.decode(texts, self._groups.machine)
        amount = knob.amount(asked)
        now = None if before is None else knob.amount(_in_question(knob, before, asked))
        grows = now is not None and amount > now
        return Request(
            Wanted(task.task_id, type_.value, changes, grows),
            current,
            before,
            amount,
            now,
            is_back(changes, entries),
            foreign_of(current, entries),
        )

    def _before(self, place: Place) -> Any:
        try:
            texts = self._groups.texts(place, place.folders[0])
            return place.knob.decode(texts, self._groups.machine)
        except Malformed:
            return None

    def _changes(self, place: Place, texts: Texts, entries: Mapping[str, Entry]) -> list[Change]:
        changes = [
            Change(part, line, self._cgroup(folder))
            for folder in place.folders
            for path, text in zip(place.paths(folder), texts, strict=True)
            for part, line in _parts(place.knob, path, text)
        ]
        if place.knob.type is AllocationType.QUOTA and place.version == 1:
            return changes + self._of_containers(place, texts, entries)
        if place.knob.type is AllocationType.CPU_IDLE:
            return self._idle(place, changes[0], entries)
        return changes

    def _cgroup(self, folder: str) -> tuple[str, int]:
        inode = self._files.inode(folder)
        if inode is None:
            raise Refused("its cgroup is gone")
        return folder, inode

    def _of_containers(
        self, place: Place, texts: Texts, entries: Mapping[str, Entry]
    ) -> list[Change]:
        """What their limits have to be.

        Cgroup v1 refuses a task less than one of its containers has: those are without a limit of
        their own as long as it is more than the task's.
        """
        machine, decode = self._groups.machine, place.knob.decode
        changes = []
        for folder in place.below:
            try:
                period, quota = self._groups.texts(place, folder)
            except OSError:
                continue
            path = place.paths(folder)[1]
            own = entries[path].original if path in entries else quota
            limited = _UNLIMITED not in (own, texts[1])
            too_much = limited and decode((period, own), machine) > decode(texts, machine)
            new = _UNLIMITED if too_much else own
            changes.append(Change(path, new, self._cgroup(folder)))
        return changes

    def _idle(self, place: Place, idle: Change, entries: Mapping[str, Entry]) -> list[Change]:
        """The weight changes along with it, and comes back when the idle class is left."""
        name = weight_file(place.version)
        path = f"{place.folders[0]}/{name}"
        if self._files.read(idle.path) == idle.new:
            return [idle]
        if idle.new == "1":
            return [Change(path, WHILE_IDLE[name], idle.cgroup, implied=True), idle]
        if path not in entries:
            return [idle]
        weight = Change(path, entries[path].original, idle.cgroup, old=AFTER_IDLE[name])
        return [idle, weight]


def _parts(knob: Knob, path: str, text: str) -> list[tuple[str, str]]:
    """A file and what is to be in it; of one with a line for each device each line."""
    if not knob.by_device:
        return [(path, text)]
    return [(with_device(path, key_of(line)), line) for line in text.splitlines()]


def _in_question(knob: Knob, before: Any, asked: Any) -> Any:
    """Of what is in force what a request is about."""
    if not knob.by_device:
        return before
    return {device: limits for device, limits in before.items() if device in asked}


def is_back(changes: Sequence[Change], entries: Mapping[str, Entry]) -> bool:
    """Whether all that was there before the agent comes back."""
    ours = [one for one in changes if one.path in entries]
    return bool(ours) and all(entries[one.path].original == one.new for one in ours)


def foreign_of(current: Mapping[str, str], entries: Mapping[str, Entry]) -> str:
    """A file that somebody else has written since we did; empty: there is none."""
    return next(
        (
            path
            for path, text in current.items()
            if path in entries and text not in (*entries[path].values, entries[path].original)
        ),
        "",
    )
