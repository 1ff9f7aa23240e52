"""One run, from quiet to quiet: programs, settings, windows that are measured."""

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.collocation import agent
from benchmarks.collocation.plan import Run, Times
from benchmarks.collocation.scenarios import (
    DEVICE,
    OUTSIDE,
    SCENARIOS,
    STATIC,
    VICTIM,
    Phase,
    Scenario,
    Setting,
)
from benchmarks.collocation.watching import Watch
from benchmarks.detection import observing
from benchmarks.detection.groups import NEIGHBOURS, NodeGroups
from benchmarks.detection.plan import Burst
from benchmarks.detection.session import Session

__all__ = ["Measured", "Mark", "perform"]

#: Microseconds; the kernel's usual period.
_PERIOD = 100_000
_MARGIN = 0.2


@dataclass(frozen=True)
class Mark:
    """Totals at one moment, and when that was."""

    unix: float
    reading: observing.Reading


@dataclass(frozen=True)
class Measured:
    """What a run was.

    Args:
        spans: begin and end of the lead and of every window.
        starts: Unix time at which each phase began.
        end: Unix time at which the last phase ended.
        latencies: of all requests from the lead on: Unix time and seconds.
        quota: of the victim, in microseconds of 100 000, by phase; None: it had none.
    """

    spans: list[tuple[Mark, Mark]]
    starts: list[float]
    end: float
    latencies: list[tuple[float, float]]
    quotas: list[int | None]

    @property
    def outside(self) -> float:
        """CPUs that others have used in all of it."""
        return observing.outside(self._whole)

    @property
    def steal(self) -> float:
        """Part of the time of the CPUs that the hypervisor took."""
        return self._whole["steal"] / os.cpu_count()

    @property
    def _whole(self) -> dict[str, float]:
        return observing.changes(self.spans[0][0].reading, self.spans[-1][1].reading)

    def of(self, number: int) -> dict[str, float]:
        """Statistics of the latencies and changes per second; 0 is the lead, then the windows."""
        first, last = self.spans[number]
        found = [one for one in self.latencies if first.unix <= one[0] < last.unix]
        return observing.statistics(found) | observing.changes(first.reading, last.reading)


class _Stage:
    """A run on its way."""

    def __init__(self, session: Session, watch: Watch, run: Run, files: Path) -> None:
        self._session = session
        self._groups: NodeGroups = session.groups
        self._watch = watch
        self._run = run
        self._scenario: Scenario = SCENARIOS[run.scenario]
        self._device = _device(files)
        self._before: list[tuple[str, str, str, str]] = []
        self.agent: int | None = None

    def mark(self) -> Mark:
        reading = observing.read(self._groups, self._session.counter)
        for task in NEIGHBOURS:
            reading.values[f"cpu {task}"] = (
                int(self._groups.read(task, "cpuacct", "cpuacct.usage")) / 1e9
            )
            reading.values[f"bytes {task}"] = _bytes_read(self._groups, task)
        if self.agent is not None:
            reading.values["agent"] = agent.cpu_seconds(self.agent)
        return Mark(time.time(), reading)

    def prepare(self) -> None:
        for role in self._scenario.idle:
            self._write(role, "cpu", "cpu.idle", "1")
        self._session_begin(self._scenario.steady)
        if self._run.arm == STATIC:
            for one in self._scenario.static:
                if not one.of_quota:
                    self._write(one.role, one.controller, one.file, self._value(one, 0))

    def begin(self, phase: Phase, usage: float) -> int | None:
        """Let a phase begin; the quota that the victim gets, if it does."""
        self._session.rate(phase.rate)
        self._session.steps(phase.steps)
        self._session_begin(phase.programs)
        if phase.quota is None:
            return None
        quota = round(usage * phase.quota * _PERIOD)
        self._write(VICTIM, "cpu", "cpu.cfs_quota_us", str(quota))
        if self._run.arm == STATIC:
            for one in self._scenario.static:
                if one.of_quota:
                    self._write(one.role, one.controller, one.file, self._value(one, quota))
        return quota

    def finish(self, phase: Phase) -> None:
        for role, options in phase.programs.items():
            self._session.end(self._burst(role, options))

    def restore(self) -> None:
        """Everything as before, and nobody beside the victim."""
        self._session.end_all()
        self._session.rate(1.0)
        self._session.steps(1.0)
        with self._watch.own():
            while self._before:
                task, controller, file, text = self._before.pop()
                self._groups.write(task, controller, file, text)

    def _session_begin(self, programs: dict[str, tuple[str, ...]]) -> None:
        for role, options in programs.items():
            self._session.begin(self._burst(role, options))

    def _burst(self, role: str, options: tuple[str, ...]) -> Burst:
        return Burst("" if role == OUTSIDE else self._run.tasks[role], options, 0.0, 0.0)

    def _write(self, role: str, controller: str, file: str, text: str) -> None:
        task = VICTIM if role == VICTIM else self._run.tasks[role]
        before = self._groups.read(task, controller, file).strip()
        if not before and "throttle" in file:  # written so, a limit goes
            before = f"{text.split(maxsplit=1)[0]} 0"
        with self._watch.own():
            self._groups.write(task, controller, file, text)
        self._before.append((task, controller, file, before))

    def _value(self, one: Setting, quota: int) -> str:
        if one.of_quota:
            return str(round(float(one.value) * quota))
        return one.value.replace(DEVICE, self._device)


def perform(
    session: Session,
    watch: Watch,
    run: Run,
    times: Times,
    files: Path,
    before: Callable[[], int | None] = lambda: None,
    after: Callable[[], Any] = lambda: None,
    phases: Sequence[Phase] | None = None,
) -> Measured:
    """Run lead, phases and tail; the victim is under its usual load before.

    Whatever happens, no neighbour and no setting of the harness is left.

    Args:
        session: with the victim.
        watch: sees what others change.
        run: which one.
        times: of its parts.
        files: the folder on the disk that the programs read from.
        before: starts the agent, when what is so from the begin is so; gives its process id.
        after: ends it, before anything is restored.
        phases: other ones than those of the scenario.
    """
    stage = _Stage(session, watch, run, files)
    scenario = SCENARIOS[run.scenario]
    try:
        stage.prepare()
        stage.agent = before()
        time.sleep(times.settle)
        first = stage.mark()
        time.sleep(times.lead)
        spans, starts, quotas = [(first, stage.mark())], [], []
        usage = observing.changes(first.reading, spans[0][1].reading)["cpu"]
        for phase in scenario.phases if phases is None else phases:
            starts.append(time.time())
            quotas.append(stage.begin(phase, usage))
            time.sleep(phase.reaction(run.arm) * times.scale)
            begin = stage.mark()
            time.sleep(phase.window * times.scale)
            spans.append((begin, stage.mark()))
            stage.finish(phase)
        end = time.time()
        time.sleep(times.tail)
        after()
    finally:
        stage.restore()
    found = observing.latencies(session.latencies, first.unix, spans[-1][1].unix + _MARGIN)
    return Measured(spans, starts, end, found, quotas)


def _bytes_read(groups: NodeGroups, task: str) -> float:
    """Bytes that the processes of a task have read from files, whether or not from a disk."""
    total = 0
    for pid in groups.read(task, "cpu", "cgroup.procs").split():
        with contextlib.suppress(OSError), open(f"/proc/{pid}/io") as file:
            total += int(file.readline().split()[1])
    return float(total)


def _device(folder: Path) -> str:
    number = os.stat(folder).st_dev
    return f"{os.major(number)}:{os.minor(number)}"
