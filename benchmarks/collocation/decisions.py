"""What an allocator would have done in recorded episodes of detection: a dry run, by replay.

Until something is done, an agent that acts decides as one in a dry run does. So that nothing would
have been done is worth as much of either; what comes after the first change is not seen here.
"""

import statistics
import tempfile
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.collocation.agent import Agent, written
from benchmarks.collocation.arithmetic import most_per_hour
from benchmarks.collocation.scenarios import DRY_RUN
from benchmarks.detection.corpus import Corpus, Recorded
from benchmarks.detection.groups import VICTIM, NodeGroups, task_id
from benchmarks.detection.plan import KINDS
from wca.allocators import AllocationType
from wca.commands.plugin import plugin_of
from wca.recording import Frame, read_recording
from wca.recording.plugins import Plugin
from wca.recording.replay import replay

__all__ = ["Asked", "Decided", "decide", "decisions_report"]

_T = AllocationType
#: What helps, by kind. A limit at the disk is made of numbers by device, which are not recorded.
LEVERS = {
    "cpu neighbour": {_T.CPU_IDLE, _T.SHARES, _T.CPUSET_CPUS, _T.QUOTA},
    "memory stream": {_T.QUOTA},
    "page cache thrash": {_T.MEMORY_HIGH, _T.MEMORY_MAX},
    "own quota": {_T.CPU_BURST, _T.QUOTA},
}
#: What the groups of the episodes have, but for the quota of the victim.
_CPUS = 2
_IN_FORCE = {
    _T.QUOTA: 1.0,
    _T.SHARES: 1.024,
    _T.CPU_IDLE: 0,
    _T.CPU_BURST: 0.0,
    _T.MEMORY_MAX: "max",
}
_LEAST_SHARES = 3
_Key = tuple[str, str]


@dataclass(frozen=True)
class Asked:
    """Something that was asked for, for the first time in an episode.

    Args:
        seconds: since what happens in the episode began; less than 0: before.
        task_id: for whom.
        type: of allocation.
    """

    seconds: float
    task_id: str
    type: str


@dataclass(frozen=True)
class Decided:
    """An episode, and what was asked for in it.

    Args:
        name: of the episode.
        kind: of it.
        culprits: ids of the tasks that something may be done to; empty: of none.
        asked: in order of time.
        quiet: seconds in which nothing was wrong.
    """

    name: str
    kind: str
    culprits: frozenset[str]
    asked: Sequence[Asked]
    quiet: float

    @property
    def wrong(self) -> Sequence[Asked]:
        """What was asked for before anything happened, or for one who did nothing."""
        return [one for one in self.asked if one.seconds < 0 or one.task_id not in self.culprits]

    @property
    def right(self) -> Sequence[Asked]:
        """What was asked for of those who did it, and helps."""
        levers = LEVERS.get(self.kind, set())
        return [one for one in self.asked if one not in self.wrong and one.type in levers]


def decide(corpus: Corpus) -> list[Decided]:
    """Ask the allocator of the benchmark about all episodes, one after the other.

    Args:
        corpus: of detection.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = written(Agent(DRY_RUN), NodeGroups({}), folder / "work", folder)
        with plugin_of(Namespace(config=str(config), register=[])) as allocator:
            return list(_decided(corpus, allocator))


def _decided(corpus: Corpus, allocator: Plugin) -> Iterator[Decided]:
    before: set[_Key] = set()  # goes on from one recording to the next
    for recorded in corpus:
        label = recorded.label
        begin, first, last = label["start"], None, label["start"]
        asked: dict[_Key, float] = {}
        frames = read_recording(str(recorded.recording))
        for frame, answer in replay(_in_force(frames, recorded), allocator):
            last = frame.platform.timestamp
            first = last if first is None else first
            now = {
                (task, str(one)) for task, wanted in answer.allocations.items() for one in wanted
            }
            for key in now - before:
                asked.setdefault(key, last - begin)
            before = now
        if first is not None and label["scored"]:
            yield _episode(recorded, asked, first, last)


def _episode(recorded: Recorded, asked: dict[_Key, float], first: float, last: float) -> Decided:
    label, kind = recorded.label, KINDS[recorded.label["kind"]]
    begin = label["start"]
    culprits = {task_id(VICTIM)} if kind.quotas else set(label["culprits"])
    told = sorted((Asked(at, *key) for key, at in asked.items()), key=lambda one: one.seconds)
    quiet = last - first if kind.verdict is None else begin - first
    return Decided(recorded.name, label["kind"], frozenset(culprits), told, quiet)


def _in_force(frames: Iterable[Frame], recorded: Recorded) -> Iterator[Frame]:
    """Frames with what was in force, which a runner that does not act has not recorded."""
    label, quota = recorded.label, recorded.measured["quota"]
    used = recorded.measured["parts"].get("lead", {}).get("cpu", 0.0)
    for frame in frames:
        held = quota and label["start"] <= frame.platform.timestamp <= label["end"]
        for name, task in frame.tasks.items():
            there: dict[AllocationType, Any] = dict(_IN_FORCE)
            if held and name == task_id(VICTIM):
                there[_T.QUOTA] = quota * used / _CPUS
            shares = task.measurements.get("task_cpu_shares")
            if isinstance(shares, (int, float)) and shares <= _LEAST_SHARES:
                there[_T.CPU_IDLE] = 1
            task.allocations = there
        yield frame


def decisions_report(decided: Sequence[Decided]) -> str:
    """All of it, in Markdown."""
    lines = [
        "| kind | episodes | right | nothing asked | wrong | s to decide, median |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for kind in KINDS:
        own = [one for one in decided if one.kind == kind]
        if own:
            lines.append(_row(kind, own))
    hours = sum(one.quiet for one in decided) / 3600
    wrong = [
        (one, asked)
        for one in decided
        for asked in one.wrong
        if asked.seconds < 0 or KINDS[one.kind].verdict is None
    ]
    rate = most_per_hour(len(wrong), hours)
    told = (
        f"In {60 * hours:.0f} minutes in which nothing was wrong something was asked for "
        f"{len(wrong)} times: less than {rate:.2g} times in an hour, with 95 % certainty."
    )
    lines += ["", told, ""]
    lines += [
        f"- {one.name} {one.kind}: {asked.type} of {asked.task_id} at {asked.seconds:+.0f} s"
        for one in decided
        for asked in one.wrong
    ]
    return "\n".join(lines) + "\n"


def _row(kind: str, decided: Sequence[Decided]) -> str:
    right = [one for one in decided if one.right and not one.wrong]
    nothing = sum(not one.asked for one in decided)
    wrong = sum(bool(one.wrong) for one in decided)
    seconds = [one.right[0].seconds for one in right]
    time = f"{statistics.median(seconds):.1f}" if seconds else ""
    told = "" if KINDS[kind].verdict is None else str(len(right))
    return f"| {kind} | {len(decided)} | {told} | {nothing} | {wrong} | {time} |"
