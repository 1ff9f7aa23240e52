"""A coded test while it runs: suspects are held back slot by slot, and the victim is looked at."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from wca.allocators.contending.actions import Scene
from wca.allocators.contending.grips import Key
from wca.allocators.contending.levers import Lever
from wca.allocators.contending.readings import mean
from wca.allocators.contending.values import is_back
from wca.allocators.contending.walsh import MOST, SLOTS, Score, accused, code, demodulated
from wca.detectors.interfering.sampling import MEASURES

__all__ = ["CodedTest", "begin_test"]

#: CPUs that what is no task may use: what displaces it does it to the victim only by way of it.
_OUTSIDE = 0.1
#: Slots that may go wrong, and that may be taken again because nothing was read of the victim.
_WRONG, _AGAIN = 2, 8


@dataclass(frozen=True)
class _Held:
    key: Key
    value: object
    original: object
    back: object


class CodedTest:
    """One test.

    Args:
        victim: whose signals are looked at.
        signals: measures of it.
        held: what is done to whom, in the order of the codes.
    """

    def __init__(self, victim: str, signals: Sequence[int], held: Mapping[str, _Held]) -> None:
        self._victim = victim
        self._holder = "test", victim
        self._held = held
        self._read: dict[int, list[float]] = {one: [] for one in signals}
        self._outside: list[float | None] = []
        self._slot = 0
        self._asked: float | None = None
        self._wrong = self._again = 0
        #: How it ended, in words; empty while it runs.
        self.ended = ""
        #: The same in two or three words, for a label.
        self.outcome = "the test was given up"
        #: Whom it accuses.
        self.accused: Score | None = None
        #: Whether it says anything.
        self.valid = False

    @property
    def suspects(self) -> Set[str]:
        """Who is tested."""
        return self._held.keys()

    def step(self, scene: Scene) -> None:
        """Another interval."""
        there = all(one in scene.tasks for one in self._held)
        if self._asked is not None and there and not self._take(scene):
            self._again += 1
        if not there:
            self.end(scene, "a suspect is gone")
        elif self._wrong > _WRONG or (self._wrong and not scene.grips.obeyed):
            self.end(scene, "suspects could not be held back")
        elif self._again > _AGAIN:
            self.end(scene, "too little is read of the victim")
        elif self._slot == SLOTS:
            self._conclude(scene)
        else:
            self._ask(scene)

    def end(self, scene: Scene, why: str) -> None:
        """Give everything back."""
        for held in self._held.values():
            scene.grips.drop(held.key, self._holder)
        self.ended = why

    def _take(self, scene: Scene) -> bool:
        """Read what the victim suffered in the slot. False where nothing is read."""
        found = {
            one: scene.readings.values(self._victim, one, self._asked or 0.0) for one in self._read
        }
        if not all(found.values()):
            return False
        for place, (task_id, held) in enumerate(self._held.items()):
            now = scene.tasks[task_id].allocations.get(held.key[1])
            if code(place)[self._slot]:
                as_asked = scene.grips.is_seen(held.key)
            else:
                as_asked = is_back(held.original, now, held.back)
            if not as_asked:
                self._wrong += 1
                break
        for measure, values in found.items():
            self._read[measure].append(values[-1])
        self._outside.append(scene.readings.outside)
        self._slot += 1
        return True

    def _ask(self, scene: Scene) -> None:
        why = f"coded test for {self._victim}: slot {self._slot + 1} of {SLOTS}"
        for place, held in enumerate(self._held.values()):
            if code(place)[self._slot]:
                self._want(scene, held, why)
            else:
                scene.grips.drop(held.key, self._holder)
        self._asked = scene.now

    def _want(self, scene: Scene, held: _Held, why: str) -> None:
        scene.grips.ask(held.key, self._holder, held.value, held.original, held.back, why)

    def _conclude(self, scene: Scene) -> None:
        outside = mean([one for one in self._outside if one is not None])
        if outside is None or outside > _OUTSIDE:
            known = "an unknown number of" if outside is None else f"{outside:.2f}"
            self.outcome = "the test abstained"
            self.end(scene, f"abstained: what is no task uses {known} CPUs")
            return
        signals = {MEASURES[one].name: values for one, values in self._read.items()}
        scores = demodulated(signals, list(self._held))
        self.valid = True
        self.accused = accused(scores, len(scores) * len(signals))
        self.outcome = "the test accused one" if self.accused else "the test accused nobody"
        best = scores[0]
        told = f"{best.task_id}: t = {best.t:.1f} in {best.signal}"
        self.end(scene, f"verified: {told}" if self.accused else f"nobody stands out, {told}")


def begin_test(
    scene: Scene,
    victim: str,
    signals: Sequence[int],
    suspects: Sequence[str],
    levers: Sequence[Lever],
) -> CodedTest | None:
    """A test of suspects, each with the first lever that does something to it.

    Args:
        scene: what is seen.
        victim: whom it is for.
        signals: measures that may tell; those that are read count.
        suspects: at most ``MOST`` are tested.
        levers: the gentlest first.

    Returns:
        None where there are less than two to be told apart, or nothing is read of the victim.
    """
    held: dict[str, _Held] = {}
    for task_id in suspects[:MOST]:
        sight = scene.sight(task_id, victim)
        allocations = sight.task.allocations
        for lever in levers:
            type_ = lever.type_for(allocations)
            value = None if type_ is None else lever.first(sight, type_)
            if type_ is not None and value is not None:
                original = scene.grips.original((task_id, type_), allocations)
                back = lever.back(value, original)
                held[task_id] = _Held((task_id, type_), value, original, back)
                break
    known = [one for one in signals if scene.readings.last(victim, one, 1)]
    return CodedTest(victim, known, held) if len(held) > 1 and known else None
