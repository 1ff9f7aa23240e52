"""For tests of allocators, ours and a plugin's."""
# ruff: noqa: S101 - a contract suite is made of asserts

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from wca.abilities import ability, ability_problems
from wca.allocations.actions import event_value
from wca.allocations.answers import AllocationAnswer, read_allocation_answer
from wca.allocations.encoding import Machine
from wca.allocations.knobs import knob_of
from wca.allocators.api import EVENTS, AllocationType, Allocator
from wca.allocators.calling import UsableAllocator, call_allocate
from wca.errors import NotAvailable, ValidationError
from wca.testing.detectors import History, a_platform, a_task, busy_history

__all__ = ["AllocatorContract"]

_ODD = (float("nan"), float("inf"), -1, 0, 2**64)
#: What is in force for every task that the suite shows.
_IN_FORCE = {
    AllocationType.QUOTA: 1.0,
    AllocationType.SHARES: 1.024,
    AllocationType.CPU_WEIGHT: 100,
    AllocationType.CPU_IDLE: 0,
    AllocationType.CPUSET_CPUS: "0,1",
    AllocationType.MEMORY_MAX: "max",
    AllocationType.PIDS_MAX: "max",
}


class AllocatorContract:
    """What every allocator has to keep to.

    ::

        class TestMyAllocator(AllocatorContract):
            def make(self) -> MyAllocator:
                return MyAllocator(step=0.1)
    """

    def make(self) -> Allocator:
        """A new allocator."""
        raise NotImplementedError

    def history(self) -> History:
        """What it is shown, so that it has something to ask for; may be overridden."""
        history = busy_history()
        for _, tasks in history:
            for task in tasks.values():
                task.allocations = dict(_IN_FORCE)
        return history

    def test_it_can_be_called_and_its_abilities_too(self) -> None:
        """As the runner calls it."""
        allocator = self.make()
        UsableAllocator().check(allocator)
        assert ability_problems(allocator) == []
        assert isinstance(allocator.blocking, bool)
        assert isinstance(allocator.decides, bool)

    def test_its_answers_make_sense(self) -> None:
        """Three parts, with values that a kernel can be told, of tasks that there are."""
        for (platform, tasks), answer in self._answers(self.history()):
            machine = Machine(cpus=platform.cpus, nodes=platform.numa_nodes)
            assert answer.problems == []
            for task_id, one in answer.allocations.items():
                assert task_id in tasks, f"there is no task {task_id!r}"
                for name, value in one.items():
                    _check_value(AllocationType(name), value, machine)

    def test_it_answers_the_same_when_it_is_asked_the_same(self) -> None:
        """Two of them, bit for bit: it knows no clock and no chance."""
        first, second = (
            [repr((one.allocations, one.metrics)) for _, one in self._answers(self.history())]
            for _ in range(2)
        )
        assert first == second

    def test_it_changes_nothing_of_what_it_is_shown(self) -> None:
        """Others see the same."""
        history = self.history()
        before = copy.deepcopy(history)
        list(self._answers(history))
        assert history == before

    def test_it_bears_what_is_missing(self) -> None:
        """No tasks, tasks without numbers and allocations, tasks that go and come again."""
        platform, tasks = self.history()[0]
        bare = {name: replace(a_task(name), resources={}, labels={}) for name in tasks}
        shown: History = [(a_platform(), {}), (platform, bare), (platform, {}), (platform, tasks)]
        for _, answer in self._answers(shown):
            assert answer.problems == []

    def test_it_bears_numbers_that_make_no_sense(self) -> None:
        """NaN, infinities, counters that go back."""
        for odd in _ODD:
            history = self.history()[:4]
            for _, tasks in history:
                for task in tasks.values():
                    task.measurements = _spoilt(task.measurements, odd)
            for _, answer in self._answers(history):
                assert answer.problems == []

    def test_it_bears_a_clock_that_stands_still_goes_back_or_jumps(self) -> None:
        """The monotonic one as well: a recording may begin anew."""
        platform, tasks = self.history()[0]
        times = (0.0, 0.0, -50.0, 1e6, 1.0)
        shown: History = [
            (replace(platform, monotonic=1000 + time, timestamp=1e9 + time), tasks)
            for time in times
        ]
        for _, answer in self._answers(shown):
            assert answer.problems == []

    def _answers(self, history: History) -> Iterator[tuple[Any, AllocationAnswer]]:
        with _started(self.make) as allocator:
            for platform, tasks in history:
                yield (
                    (platform, tasks),
                    read_allocation_answer(call_allocate(allocator, platform, tasks)),
                )


@contextmanager
def _started(make: Callable[[], Allocator]) -> Iterator[Allocator]:
    allocator = make()
    start, close = ability(allocator, "start"), ability(allocator, "close")
    try:
        if start is not None:
            start()
        yield allocator
    finally:
        if close is not None:
            close(5.0)


def _check_value(type_: AllocationType, value: Any, machine: Machine) -> None:
    problems = []
    for version in (1, 2):
        try:
            if type_ in EVENTS:
                event_value(type_, value, machine)
            else:
                knob_of(type_, version).encode(value, machine)
        except NotAvailable:
            continue
        except ValidationError as error:
            problems.append(f"{type_}: {error}")
    assert problems == []


def _spoilt(values: dict[str, Any], odd: float) -> dict[str, Any]:
    return {
        name: _spoilt(value, odd) if isinstance(value, dict) else odd
        for name, value in values.items()
    }
