"""One episode, from quiet to quiet, with everything that happens in it at its time."""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.detection import observing
from benchmarks.detection.groups import VICTIM, task_id
from benchmarks.detection.plan import KINDS, QUIET, Episode, Kind, Times
from benchmarks.detection.session import Session

__all__ = ["LABELS_VERSION", "Happened", "alone", "labels", "perform", "rejection"]

#: Of the labels file.
LABELS_VERSION = 1
#: An episode with more CPUs used by others, or more of the time stolen, tells nothing.
MOST_OUTSIDE, MOST_STEAL = 0.12, 0.01
#: Microseconds; the kernel's usual period.
_PERIOD = 100_000


@dataclass(frozen=True)
class Happened:
    """What an episode was.

    Args:
        start: Unix time at which it began, after the lead.
        end: likewise its end, before the tail.
        parts: by part: statistics of the latencies, and changes of totals per second.
        latencies: of all parts: Unix time and seconds.
        starts: Unix time of each part.
        outside: CPUs used by others, over all parts.
        steal: part of the time of the CPUs that the hypervisor took.
    """

    start: float
    end: float
    parts: dict[str, dict[str, float]]
    latencies: list[tuple[float, float]]
    starts: dict[str, float]
    outside: float
    steal: float


@contextlib.contextmanager
def alone(path: Path | None) -> Iterator[None]:
    """Hold a lock that others who burn CPU take too; None: there are none."""
    if path is None:
        yield
        return
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def perform(session: Session, episode: Episode, times: Times) -> Happened:
    """Run lead, episode and tail; the victim is under its usual load before.

    Whatever happens, no neighbour and no changed setting is left.
    """
    stage = _Stage(session, episode)
    marks: dict[str, tuple[float, observing.Reading]] = {}

    def mark(name: str) -> None:
        marks[name] = time.time(), observing.read(session.groups, session.counter)

    def change() -> None:
        stage.change(marks["lead"][1], marks["episode"][1])

    end = times.lead + times.episode
    timeline: list[tuple[float, int, Callable[[], None]]] = [
        (0.0, 0, partial(mark, "lead")),
        (times.lead, 0, partial(mark, "episode")),
        (times.lead, 1, change),
        (end, 0, partial(mark, "tail")),
        (end, 1, stage.restore),
        (times.whole, 0, partial(mark, "end")),
    ]
    for burst in episode.bursts:
        timeline.append((burst.start, 1, partial(session.begin, burst)))
        timeline.append((burst.end, 1, partial(session.end, burst)))
    timeline.sort(key=lambda one: one[:2])
    begin = time.monotonic() + times.settle
    stage.prepare()
    try:
        for moment, _, act in timeline:
            time.sleep(max(0.0, begin + moment - time.monotonic()))
            act()
    finally:
        session.end_all()
        stage.restore()
        stage.leave()
    return _happened(session, marks)


class _Stage:
    """Settings that an episode changes, and that are as before at its end."""

    def __init__(self, session: Session, episode: Episode) -> None:
        self._session = session
        self._kind = _kind(episode)
        self._episode = episode

    def prepare(self) -> None:
        self._idle(1)

    def change(self, before: observing.Reading, now: observing.Reading) -> None:
        self._session.rate(self._kind.rate)
        self._session.steps(self._kind.steps)
        if self._episode.quota is not None:
            usage = observing.changes(before, now)["cpu"]
            self._quota(round(usage * self._episode.quota * _PERIOD))

    def restore(self) -> None:
        self._session.rate(1.0)
        self._session.steps(1.0)
        self._quota(-1)

    def leave(self) -> None:
        self._idle(0)

    def _quota(self, microseconds: int) -> None:
        self._session.groups.write(VICTIM, "cpu", "cpu.cfs_quota_us", microseconds)

    def _idle(self, value: int) -> None:
        for name in self._episode.idle:
            self._session.groups.write(name, "cpu", "cpu.idle", value)


def _happened(session: Session, marks: dict[str, tuple[float, observing.Reading]]) -> Happened:
    names = list(marks)
    times = {name: moment for name, (moment, _) in marks.items()}
    found = observing.latencies(session.latencies, times["lead"], times["end"])
    parts = {}
    for name, after in pairwise(names):
        late = [one for one in found if times[name] <= one[0] < times[after]]
        rates = observing.changes(marks[name][1], marks[after][1])
        parts[name] = observing.statistics(late) | rates
    whole = observing.changes(marks["lead"][1], marks["end"][1])
    return Happened(
        start=times["episode"],
        end=times["tail"],
        parts=parts,
        latencies=found,
        starts=times,
        outside=observing.outside(whole),
        steal=whole["steal"] / os.cpu_count(),
    )


def rejection(happened: Happened, most_outside: float = MOST_OUTSIDE) -> str | None:
    """Why an episode does not count; None: it does. What it showed of the victim plays no part."""
    if happened.outside > most_outside:
        return f"others used {happened.outside:.2f} CPUs, more than {most_outside}"
    if happened.steal > MOST_STEAL:
        return f"the hypervisor took {happened.steal:.1%} of the time, more than {MOST_STEAL:.0%}"
    return None


def _kind(episode: Episode) -> Kind:
    return Kind() if episode.kind == QUIET else KINDS[episode.kind]


def labels(episode: Episode, happened: Happened) -> dict[str, Any]:
    """The labels of an episode's recording, and what the harness has measured itself."""
    kind = _kind(episode)
    label = {
        "start": happened.start,
        "end": happened.end,
        "kind": episode.kind,
        "victim": task_id(VICTIM),
        "verdict": kind.verdict,
        "culprits": [task_id(name) for name in episode.culprits],
        "decoys": [task_id(name) for name in episode.decoys],
        "resource": kind.resource,
        "scored": episode.kind != QUIET,
        "note": "; ".join(f"{name}: {text}" for name, text in episode.settings.items()),
    }
    measured = {
        "name": episode.name,
        "quota": episode.quota,
        "starts": happened.starts,
        "parts": happened.parts,
        "outside": round(happened.outside, 4),
        "steal": round(happened.steal, 5),
    }
    return {"version": LABELS_VERSION, "episodes": [label], "measured": measured}
