"""What was tried for a victim, on whom, and when it is of no use to try again."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from wca.allocators.contending.levers import Lever

__all__ = ["Tried"]

#: Seconds that a case rests when nothing has helped, at first and at most.
_REST, _LONGEST_REST = 60.0, 3600.0


class Tried:
    """Of one case, since its trouble began."""

    def __init__(self) -> None:
        self._levers: dict[str, int] = {}  # how many were looked at, by task id
        self._begun: set[str] = set()  # of whom something was asked for
        self._failed: set[str] = set()  # whom something was taken from that did not help at all
        self._rest, self._resting = _REST, 0.0
        self._given_up: frozenset[str] = frozenset()  # whom it was tried on before it rested

    def next_of(self, task_id: str, levers: Sequence[Lever]) -> Iterator[Lever]:
        """Those that were not tried on a task yet; each that is taken is."""
        for place in range(self._levers.get(task_id, 0), len(levers)):
            self._levers[task_id] = place + 1
            yield levers[place]

    def begun(self, task_id: str) -> None:
        """Something is asked for of a task."""
        self._begun.add(task_id)

    def fail(self, task_ids: Iterable[str]) -> None:
        """What was asked for of tasks did not help at all."""
        self._failed.update(task_ids)

    def had_a_turn(self, task_id: str) -> bool:
        """Whether something was looked for, also where there was nothing that could be done."""
        return task_id in self._levers

    def failed(self, task_id: str) -> bool:
        """Whether what was done to a task did not help at all."""
        return task_id in self._failed

    def succeeded(self) -> None:
        """The victim has recovered: what comes later is another trouble."""
        self.forget()
        self._rest = _REST

    def forget(self) -> None:
        """The trouble is over."""
        self._levers, self._begun, self._failed = {}, set(), set()

    def forget_gone(self, there: Collection[str]) -> None:
        """Forget tasks that are not there any more."""
        self._levers = {one: count for one, count in self._levers.items() if one in there}

    def give_up(self, now: float, tested: Iterable[str] = ()) -> None:
        """Nothing has helped: rest, for twice as long each time, where anything was tried at all.

        Args:
            now: monotonic time in seconds.
            tested: who was tested as well.
        """
        tried = self._begun.union(tested)
        if tried:
            self._resting = now + self._rest
            self._rest = min(_LONGEST_REST, 2 * self._rest)
            self._given_up |= tried
        self.forget()

    def rests(self, now: float, accused: Iterable[str]) -> bool:
        """Whether nothing is tried now; who was not tried before it rested is another matter.

        Args:
            now: monotonic time in seconds.
            accused: of the trouble now.
        """
        if now >= self._resting:
            self._given_up = frozenset()
            return False
        return self._given_up.issuperset(accused)
