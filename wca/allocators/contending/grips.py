"""What is asked for, by whom, and what has to be asked for to give it back."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wca.allocators.api import AllocationType, TaskAllocations, TasksAllocations
from wca.allocators.contending.values import amount, in_force, is_back
from wca.detectors.api import TasksData

__all__ = ["Grips", "Key"]

Key = tuple[str, AllocationType]

#: Intervals in which an original value is asked for until it is seen.
_GIVING_BACK = 10
#: Types of which more is what the victim gets, so that the largest wish counts.
_OF_VICTIMS = frozenset((AllocationType.CPU_BURST,))


@dataclass
class _Grip:
    original: Any
    back: Any
    wishes: dict[Hashable, tuple[Any, str]] = field(default_factory=dict)
    giving_back: int = 0
    seen: bool = False


class Grips:
    """All that an allocator wants to be in force.

    What is not named in an answer stays as it is, so what is given back is asked for: the value
    that was there before, until it is seen there again.
    """

    def __init__(self) -> None:
        self._grips: dict[Key, _Grip] = {}
        #: Whether anything that was asked for has ever come into force.
        self.obeyed = False

    def original(self, key: Key, now: TaskAllocations) -> Any:
        """What was in force before anybody asked for anything.

        Args:
            key: task and type.
            now: what is in force for the task.
        """
        known = self._grips.get(key)
        return now.get(key[1]) if known is None else known.original

    def ask(
        self, key: Key, holder: Hashable, value: Any, original: Any, back: Any, why: str
    ) -> None:
        """Want a value; of several wishes for one key the strongest counts.

        Args:
            key: task and type.
            holder: who wants it; a new wish replaces its last one.
            value: that is wanted.
            original: that was in force before, as ``original`` gives it.
            back: what has to be asked for to give it back.
            why: in words.
        """
        grip = self._grips.setdefault(key, _Grip(original, back))
        grip.wishes[holder] = value, why
        grip.giving_back = 0

    def drop(self, key: Key, holder: Hashable) -> None:
        """Want it no longer; the last one to do so gives the original value back."""
        grip = self._grips.get(key)
        if grip is not None:
            grip.wishes.pop(holder, None)

    def held(self, task_id: str) -> bool:
        """Whether anything of a task is wanted."""
        return any(key[0] == task_id and grip.wishes for key, grip in self._grips.items())

    def look(self, tasks: TasksData) -> None:
        """See what has become of it; tasks that are gone are forgotten.

        Args:
            tasks: with what is in force.
        """
        for key, grip in list(self._grips.items()):
            task_id, type_ = key
            if task_id not in tasks:
                del self._grips[key]
                continue
            read = tasks[task_id].allocations.get(type_)
            if grip.wishes:
                wanted, _ = self._strongest(type_, grip)
                grip.seen = in_force(wanted, read)
                self.obeyed = self.obeyed or grip.seen
            elif is_back(grip.original, read, grip.back) or grip.giving_back >= _GIVING_BACK:
                del self._grips[key]

    def answer(self) -> TasksAllocations:
        """Values by type by task id."""
        answer: TasksAllocations = {}
        for (task_id, type_), grip in self._grips.items():
            value = grip.back
            if grip.wishes:
                value, _ = self._strongest(type_, grip)
            else:
                grip.giving_back += 1
            answer.setdefault(task_id, {})[type_] = value
        return answer

    def reasons(self) -> Mapping[tuple[str, str], str]:
        """Why, by task id and type."""
        return {
            (task_id, type_.value): self._strongest(type_, grip)[1]
            if grip.wishes
            else "nothing is held against it any longer"
            for (task_id, type_), grip in self._grips.items()
        }

    def is_seen(self, key: Key) -> bool:
        """Whether what is wanted is in force."""
        grip = self._grips.get(key)
        return grip is not None and bool(grip.wishes) and grip.seen

    def ours(self, task_id: str, allocations: TaskAllocations) -> TaskAllocations:
        """Of what is in force for a task that which is ours, for a detector."""
        return {
            type_: value
            for type_, value in allocations.items()
            if (task_id, type_) in self._grips and value != self._grips[task_id, type_].original
        }

    def _strongest(self, type_: AllocationType, grip: _Grip) -> tuple[Any, str]:
        wishes = sorted(grip.wishes.items(), key=lambda one: str(one[0]))
        amounts = [(amount(value), place) for place, (_, (value, _)) in enumerate(wishes)]
        grows = type_ in _OF_VICTIMS or max(amounts)[0] > amount(grip.original)
        _, place = max(amounts) if grows else min(amounts)
        return wishes[place][1]
