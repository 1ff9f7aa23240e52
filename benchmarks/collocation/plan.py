"""Which runs there are, and in which order: drawn from a seed, known before anything is run."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.collocation.scenarios import SCENARIOS, Scenario
from benchmarks.detection.groups import NEIGHBOURS

__all__ = ["Run", "Times", "plan"]


@dataclass(frozen=True)
class Times:
    """Seconds of each part of a run that is the same in all scenarios.

    Args:
        settle: under load, before anything counts.
        lead: alone, before the first phase.
        tail: after the last phase.
        scale: reactions and windows are multiplied by it; less than 1 in tests.
    """

    settle: float = 1.0
    lead: float = 4.0
    tail: float = 0.5
    scale: float = 1.0

    def whole(self, scenario: Scenario, arm: str) -> float:
        """Of a run in an arm, without its preparation."""
        phases = sum(one.reaction(arm) + one.window for one in scenario.phases)
        return self.settle + self.lead + self.scale * phases + self.tail


@dataclass(frozen=True)
class Run:
    """One run.

    Args:
        scenario: its name.
        arm: its name.
        repetition: from 1; runs of one repetition have the same arrivals and tasks.
        tasks: the neighbour that plays each role.
        seed: of the client's arrivals.
    """

    scenario: str
    arm: str
    repetition: int
    tasks: dict[str, str]
    seed: int

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.scenario}-{self.repetition:03d}-{self.arm}".replace(" ", "-")


def plan(seed: int, scenarios: Sequence[str], repetitions: int) -> Iterator[Run]:
    """All runs in their order: in each repetition the scenarios as named, with all their arms.

    Arms are in random order in odd repetitions, and the other way round in the even one that
    follows: what changes slowly favours none.

    Args:
        seed: of everything that is drawn.
        scenarios: names.
        repetitions: of each arm.
    """
    for repetition in range(1, repetitions + 1):
        for name in scenarios:
            yield from _block(seed, name, repetition)


def _block(seed: int, name: str, repetition: int) -> Iterator[Run]:
    scenario = SCENARIOS[name]
    pair = (repetition + 1) // 2
    arms = list(scenario.arms)
    random.Random(f"{seed} {name} pair {pair}").shuffle(arms)
    if repetition % 2 == 0:
        arms.reverse()
    dice = random.Random(f"{seed} {name} repetition {repetition}")
    tasks = dict(zip(scenario.roles, dice.sample(NEIGHBOURS, len(NEIGHBOURS)), strict=False))
    arrivals = dice.randrange(1, 1 << 31)
    for arm in arms:
        yield Run(name, arm, repetition, tasks, arrivals)
