"""What a request of an allocator means in files, and how much it is."""

import contextlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from wca.allocations.api import Entry
from wca.allocations.changes import Change, Wanted
from wca.allocations.contract import Files
from wca.allocations.devices import with_device
from wca.allocations.encoding import Machine, Texts, period_of
from wca.allocations.gate import reason_of
from wca.allocations.groups import Groups, Place
from wca.allocations.idle import AFTER_IDLE, WHILE_IDLE, weight_file
from wca.allocations.knobs import Knob, knob_of
from wca.allocations.measures import measures
from wca.allocations.quotas import burst_within, parts_of_quota, quota_of_all
from wca.allocations.request import Refused, Request, foreign_of, is_back
from wca.allocations.resctrl.rdt import Rdt
from wca.allocations.values import key_of
from wca.allocators.api import AllocationType
from wca.detectors.api import TaskData
from wca.errors import NotAvailable, TargetGone, ValidationError
from wca.linux.parse import Malformed

__all__ = ["Requests"]


class Requests:
    """Makes requests of what allocators ask for.

    Args:
        groups: where files are.
        files: how they are read.
        rdt: makes those for resctrl.
    """

    def __init__(self, groups: Groups, files: Files, rdt: Rdt) -> None:
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
            if place.divided:
                return self._divided(task, place, value, entries)
            found = {folder: self._groups.texts(place, folder) for folder in place.folders}
            if place.knob.type is AllocationType.CPU_BURST:
                aims = self._bursts(place, value, found, entries)
            else:
                aims = {one: self._aim(place, one, value, found[one], entries) for one in found}
            changes = self._changes(place, aims, entries)
            current = {one.path: self._files.read(one.path) for one in changes}
        except (NotAvailable, TargetGone, ValidationError, Malformed) as error:
            raise Refused(str(error)) from None
        except OSError as error:
            raise Refused(reason_of(error, str(error.filename))) from None
        first = place.folders[0]
        asked = place.knob.decode(aims[first], self._groups.machine)
        measured = measures(place, aims[first], changes, self._machine(place, found[first]))
        amount = measured[0].amount
        now = self._now(place, found.values(), asked)
        grows = now is not None and amount > now
        written = [self._never_empty(one, current) for one in changes]
        return Request(
            Wanted(task.task_id, type_.value, written, grows),
            current,
            self._decoded(place, found[first]),
            amount,
            now,
            is_back(changes, entries, current),
            foreign_of(current, entries),
            measured,
        )

    def _machine(self, place: Place, texts: Texts) -> Machine:
        """What the values of a group are relative to.

        One with a limit keeps its period: the kernel compares those of groups and of the groups
        above them in every moment, also between the writes of period and quota.
        """
        machine = self._groups.machine
        period = period_of(texts) if place.knob.type is AllocationType.QUOTA else None
        return machine if period is None else replace(machine, period=period)

    def _bursts(
        self, place: Place, value: Any, found: Mapping[str, Texts], entries: Mapping[str, Entry]
    ) -> dict[str, Texts]:
        """A burst of the task, and of each container as much of it as its quota allows."""
        own = place.folders[0]
        aims = {own: self._aim(place, own, value, found[own], entries)}
        first = {one: _originals(place.paths(one), found[one], entries) for one in found}
        if aims[own] == first[own]:
            return first
        quotas = replace(place, knob=knob_of(AllocationType.QUOTA, place.version))
        for folder in place.folders[1:]:
            aims[folder] = burst_within(aims[own], self._groups.texts(quotas, folder))
        return aims

    def _aim(
        self, place: Place, folder: str, value: Any, found: Texts, entries: Mapping[str, Entry]
    ) -> Texts:
        """What is to be in the files of a folder.

        Where a value is the one from before the agent, or in force, as allocators are shown it,
        that is exactly what was or is there, however the same value would be written otherwise.
        """
        if place.knob.by_device:
            return place.knob.encode(value, self._groups.machine)
        texts, problem = None, None
        try:
            texts = place.knob.encode(value, self._machine(place, found))
        except ValidationError as error:
            problem = error
        original = _originals(place.paths(folder), found, entries)
        for there in (found,) if texts == found else (original, found):
            if self._says(place, there, value, texts):
                return there
        if texts is None:
            raise problem or ValidationError("no value")
        return texts

    def _says(self, place: Place, there: Texts, value: Any, texts: Texts | None) -> bool:
        """Whether what is or was there is a value, or one that is read as the same."""
        shown = self._decoded(place, there)
        if shown is None:
            return False
        if type(value) is type(shown) and value == shown:
            return True
        if texts is None:
            return False
        return bool(
            shown == place.knob.decode(texts, self._groups.machine)
            or (shown == "" and texts == place.knob.whole(self._groups.machine))
        )

    def _decoded(self, place: Place, texts: Texts) -> Any:
        try:
            return place.knob.decode(texts, self._groups.machine)
        except Malformed:
            return None

    def _now(self, place: Place, found: Iterable[Texts], asked: Any) -> float | None:
        """How much is in force; of several groups the one that is changed most."""
        knob, values = place.knob, [self._decoded(place, texts) for texts in found]
        if None in values:
            return None
        amount = knob.amount(asked)
        amounts = [knob.amount(_in_question(knob, one, asked)) for one in values]
        return min(amounts) if amount > min(amounts) else max(amounts)

    def _changes(
        self, place: Place, aims: Mapping[str, Texts], entries: Mapping[str, Entry]
    ) -> list[Change]:
        changes = [
            Change(part, line, self._cgroup(folder))
            for folder, texts in aims.items()
            for path, text in zip(place.paths(folder), texts, strict=True)
            for part, line in _parts(place.knob, path, text)
        ]
        if place.knob.type is AllocationType.CPU_IDLE:
            return self._idle(place, changes[0], entries)
        return changes

    def _never_empty(self, change: Change, current: Mapping[str, str]) -> Change:
        """A list that was empty becomes that of the group above, as undo has it.

        Cgroup v2 takes no empty one while there are processes (``validate_change``).
        """
        if change.new or not current[change.path]:
            return change
        folder, _, name = change.path.rpartition("/")
        with contextlib.suppress(OSError):
            above = self._files.read(f"{folder.rpartition('/')[0]}/{name}.effective")
            return replace(change, new=above)
        return change

    def _cgroup(self, folder: str) -> tuple[str, int]:
        inode = self._files.inode(folder)
        if inode is None:
            raise Refused("its cgroup is gone")
        return folder, inode

    def _divided(
        self, task: TaskData, place: Place, value: Any, entries: Mapping[str, Entry]
    ) -> Request:
        """A quota that is divided among the containers of the task, see ``quotas``."""
        machine, own = self._groups.machine, place.folders[0]
        found = {own: self._groups.texts(place, own), **self._groups.texts_below(place)}
        first = {one: _originals(place.paths(one), found[one], entries) for one in found}
        shown, before = (_quota(one, place, machine) for one in (found, first))
        if value == before:
            aims = first
        elif value == shown:
            aims = found
        else:
            below = {one: texts for one, texts in first.items() if one != own}
            whole, parts = parts_of_quota(
                value, first[own], below, place.knob, machine, holds_below=place.version == 2
            )
            aims = {own: whole, **parts}
        changes = self._changes(place, aims, entries)
        current = dict(zip(_paths(place, found), itertools.chain(*found.values()), strict=True))
        amount = before if aims is first else shown if aims is found else float(value)
        return Request(
            Wanted(task.task_id, place.knob.type.value, changes, amount > shown),
            current,
            shown,
            amount,
            shown,
            is_back(changes, entries, current),
            foreign_of(current, entries),
        )

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


def _originals(paths: Sequence[str], found: Texts, entries: Mapping[str, Entry]) -> Texts:
    """What was in files before the agent."""
    return tuple(
        entries[path].original if path in entries else text
        for path, text in zip(paths, found, strict=True)
    )


def _paths(place: Place, folders: Iterable[str]) -> Iterable[str]:
    return itertools.chain.from_iterable(place.paths(folder) for folder in folders)


def _quota(texts: Mapping[str, Texts], place: Place, machine: Machine) -> float:
    own = place.folders[0]
    below = {one: texts[one] for one in texts if one != own}
    return quota_of_all(texts[own], below, place.knob, machine)


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
