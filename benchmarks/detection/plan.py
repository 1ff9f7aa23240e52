"""What happens in which episode: drawn from a seed, known before anything is recorded."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.detection.groups import NEIGHBOURS

__all__ = ["KINDS", "NULLS", "QUIET", "Burst", "Episode", "Times", "episode", "plan"]

#: In the options of a neighbour: the path of the large file.
LARGE_FILE = "LARGE"


@dataclass(frozen=True)
class Kind:
    """One kind of episode.

    Args:
        verdict: what a detector has to say; None: nothing at all.
        resource: contended, as ``ContendedResource`` has it.
        programs: options of the neighbour that does it; one of them is drawn. Empty: none does.
        idle: the neighbour is in the idle class of the scheduler.
        rate: the victim's load is multiplied by it.
        steps: the victim's work per request is multiplied by it.
        quotas: CPU quota of the victim as a part of what it uses; one is drawn. Empty: none.
    """

    verdict: str | None = None
    resource: str | None = None
    programs: tuple[tuple[str, ...], ...] = ()
    idle: bool = False
    rate: float = 1.0
    steps: float = 1.0
    quotas: tuple[float, ...] = ()


KINDS = {
    "cpu neighbour": Kind(
        "cpu neighbour", "cpus", (("spin", "-t", "4"), ("spin", "-t", "2", "-c", "0"))
    ),
    "memory stream": Kind(
        "memory bandwidth or cache neighbour", "memory bandwidth", (("stream", "-c", "1"),)
    ),
    "page cache thrash": Kind("page cache thrash", "memory", (("cache", "-f", LARGE_FILE),)),
    "disk": Kind("disk", "disk", (("direct", "-t", "4", "-f", LARGE_FILE),)),
    "own quota": Kind("self-inflicted throttling", "cpus", quotas=(1.0, 0.95)),
    "nothing": Kind(),
    "idle-class neighbour": Kind(programs=(("spin", "-t", "2"),), idle=True),
    "load step": Kind(rate=2.0),
    "request size": Kind(steps=1.5),
}
#: The victim alone, for a detector to learn from before the first episode; not scored.
QUIET = "quiet"
#: Kinds in which any accusation is false.
NULLS = tuple(name for name, kind in KINDS.items() if kind.verdict is None)

#: Light loads of an innocent task on the CPU that is not the victim's: options of the neighbour.
LIGHT = (
    ("spin", "-c", "1", "-d", "0.2"),
    ("spin", "-c", "1", "-d", "0.1"),
    ("direct", "-c", "1", "-f", LARGE_FILE, "-b", "16384", "-r", "20"),
)
PATTERNS = ("steady", "earlier", "on and off", "late")


@dataclass(frozen=True)
class Times:
    """Seconds of each part of an episode."""

    settle: float = 4.0
    lead: float = 10.0
    episode: float = 30.0
    tail: float = 5.0

    @property
    def whole(self) -> float:
        """Lead, episode and tail."""
        return self.lead + self.episode + self.tail


@dataclass(frozen=True)
class Burst:
    """A neighbour that runs.

    Args:
        task: whose it is.
        options: of the program.
        start: seconds from the start of the lead.
        end: likewise.
    """

    task: str
    options: tuple[str, ...]
    start: float
    end: float


@dataclass(frozen=True)
class Episode:
    """One episode as planned.

    Args:
        name: of its files; in the order of the plan when sorted.
        kind: name in KINDS, or QUIET.
        culprits: tasks that do the harm.
        bursts: of culprits and decoys.
        decoys: innocent tasks with bursts.
        idle: tasks in the idle class of the scheduler.
        quota: of the victim, as a part of what it uses; None: no quota.
        settings: what was drawn, for people.
    """

    name: str
    kind: str
    culprits: tuple[str, ...]
    decoys: tuple[str, ...]
    bursts: tuple[Burst, ...]
    idle: tuple[str, ...]
    quota: float | None
    settings: dict[str, str] = field(default_factory=dict)


def plan(
    seed: int,
    times: Times,
    per_kind: int,
    kinds: Sequence[str] = tuple(KINDS),
    quiet: int = 0,
    controls: int | None = None,
) -> list[Episode]:
    """All episodes in their order: first so many quiet ones, then rounds of all kinds.

    Args:
        seed: from which all else is drawn.
        times: of each part, in seconds.
        per_kind: episodes of each kind.
        kinds: which kinds.
        quiet: of the victim alone, before all others.
        controls: episodes of each control, the first ones of the plan; None: as many as of the
            others.
    """
    first = [Episode(f"0000-{number:02d}", QUIET, (), (), (), (), None) for number in range(quiet)]
    numbers = range(per_kind * len(kinds))
    found = [(number // len(kinds), episode(seed, number, times, kinds)) for number in numbers]
    most = per_kind if controls is None else controls
    return first + [one for place, one in found if place < most or one.kind not in NULLS]


def episode(seed: int, number: int, times: Times, kinds: Sequence[str] = tuple(KINDS)) -> Episode:
    """The episode at a place; each round has every kind once, in an order of its own."""
    round_number, place = divmod(number, len(kinds))
    order = random.Random(f"{seed} round {round_number}").sample(kinds, len(kinds))
    name = order[place]
    kind = KINDS[name]
    dice = random.Random(f"{seed} episode {number}")
    tasks = dice.sample(NEIGHBOURS, len(NEIGHBOURS))
    actor = tasks.pop() if kind.programs else None
    decoys = tasks[: dice.choices((0, 1, 2), (1, 5, 2))[0]]
    bursts = []
    settings = {}
    if actor is not None:
        options = dice.choice(kind.programs)
        bursts.append(Burst(actor, options, times.lead, times.lead + times.episode))
        settings[actor] = " ".join(options)
    light = LIGHT[1:] if len(decoys) > 1 else LIGHT
    for decoy in decoys:
        options, pattern = dice.choice(light), dice.choice(PATTERNS)
        bursts += [Burst(decoy, options, *one) for one in _intervals(pattern, times, dice)]
        settings[decoy] = f"{' '.join(options)}, {pattern}"
    return Episode(
        name=f"{number + 1:04d}",
        kind=name,
        culprits=(actor,) if actor and kind.verdict else (),
        decoys=tuple(decoys) if kind.verdict or not actor else (actor, *decoys),
        bursts=tuple(sorted(bursts, key=lambda one: one.start)),
        idle=(actor,) if actor and kind.idle else (),
        quota=dice.choice(kind.quotas) if kind.quotas else None,
        settings=settings,
    )


def _intervals(pattern: str, times: Times, dice: random.Random) -> list[tuple[float, float]]:
    """When a decoy is active; never from the moment at which the culprit begins."""
    if pattern == "steady":
        return [(-times.settle / 2, times.whole)]
    if pattern == "earlier":
        start = dice.uniform(0.1, 0.6) * times.lead
        return [(start, times.lead + dice.uniform(0.2, 0.7) * times.episode)]
    if pattern == "late":
        start = times.lead + dice.uniform(0.2, 0.5) * times.episode
        return [(start, times.whole - dice.uniform(0, 0.3) * times.episode)]
    intervals, at = [], dice.uniform(0, 4)
    while at < times.whole:
        end = at + dice.uniform(2, 7)
        intervals.append((at, min(end, times.whole)))
        at = end + dice.uniform(2, 7)
    return intervals
