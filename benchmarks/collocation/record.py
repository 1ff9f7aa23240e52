"""Makes the runs one after the other, until the plan or the time is at its end."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.collocation import agent, director
from benchmarks.collocation.agent import Agent
from benchmarks.collocation.corpus import Runs
from benchmarks.collocation.learning import learn
from benchmarks.collocation.plan import Run, Times, plan
from benchmarks.collocation.results import result_of
from benchmarks.collocation.scenarios import DRY_RUN, MIB, NONE, SCENARIOS, STATIC, Phase, Scenario
from benchmarks.collocation.watching import Change, watching
from benchmarks.detection import observing, programs
from benchmarks.detection.director import MOST_OUTSIDE, alone, rejection
from benchmarks.detection.groups import NEIGHBOURS, NodeGroups, node_groups
from benchmarks.detection.record import memory_folder
from benchmarks.detection.session import COUNTER, Session, first, session

__all__ = ["TOP", "Options", "batches", "learned_in", "record"]

#: Group above all others; another than that of the episodes, which may be recorded meanwhile.
TOP = "wca-collocation"
#: Files that the programs read, in bytes; the one in the page cache by its size.
_SIZES = {programs.DIRECT: 256 * MIB, programs.LARGE: 3072 * MIB}
#: What an agent learns from; no arm of the plan.
QUIET = "quiet"
#: Seconds in which a run is prepared and cleared away.
_AROUND = 2.0
#: Seconds of a look at what others do, and the CPUs in use that are too many then.
_LOOK, _DISTURBED = 0.5, 0.3


@dataclass(frozen=True)
class Options:
    """What to run.

    Args:
        out: folder of the runs.
        scenarios: names, in their order.
        repetitions: of each arm.
        seed: of the plan.
        seconds: after which no other run is begun; None: when the plan is at its end.
        lock: a file that is locked during each run; None: nobody else is on this machine.
        hold: seconds for which it is held at most, by several runs where they fit.
        work: folder on a disk for the files that the programs read.
        build: folder for the compiled programs.
        times: of each part.
        interval: of the agent, in seconds.
        learning: seconds of quiet that the agent has seen before.
        pause: seconds between runs in which others may have the lock.
        most_outside: CPUs used by others, above which a run does not count.
        large: bytes of the file that is larger than the memory of the tasks.
        allocator: of the agent, in the configuration; None: a ContentionAllocator.
    """

    out: Path
    scenarios: Sequence[str] = ("E1", "E2", "E5a", "E3a", "E3b")
    repetitions: int = 5
    seed: int = 1
    seconds: float | None = None
    lock: Path | None = None
    hold: float = 64.0
    work: Path = Path("/var/tmp/wca-collocation")
    build: Path = Path("build/detection")
    times: Times = field(default_factory=Times)
    interval: float = 0.5
    learning: float = 31.0
    pause: float = 1.0
    most_outside: float = MOST_OUTSIDE
    large: int = _SIZES[programs.LARGE]
    allocator: str | None = None

    def as_plan(self) -> dict[str, Any]:
        """What has to be the same when runs go on."""
        return {
            "seed": self.seed,
            "times": asdict(self.times),
            "interval": self.interval,
            "programs": programs.sources_hash(),
        }


class _Recorder:
    """Makes runs.

    Args:
        options: what to run.
        runs: takes the results.
        groups: of the tasks.
        folder: in memory.
        say: takes sentences for people.
    """

    def __init__(
        self,
        options: Options,
        runs: Runs,
        groups: NodeGroups,
        folder: Path,
        say: Callable[[str], None],
    ) -> None:
        self._options = options
        self._runs = runs
        self._groups = groups
        self._folder = folder
        self._say = say
        self._binaries: dict[str, str] = {}
        self._files: dict[str, str] = {}
        self._version = _version()
        self._end = None if options.seconds is None else time.monotonic() + options.seconds

    def prepare(self) -> None:
        """Compile the programs and make their files, unless that is done."""
        if self._files:
            return
        names = {name for one in self._options.scenarios for name in (one, learned_in(one))}
        cached = {_cached(SCENARIOS[name]): SCENARIOS[name].cached for name in names}
        sizes = {**_SIZES, programs.LARGE: self._options.large, **cached}
        self._binaries = programs.build(self._options.build)
        self._files = programs.files(self._options.work, sizes)

    @property
    def over(self) -> bool:
        """Whether no other run is to be begun."""
        return self._end is not None and time.monotonic() > self._end

    def disturbed(self) -> bool:
        """Whether others use more of the CPUs now than a run allows: it would be rejected."""
        before, own = observing.machine()["busy"], self._groups.cpu_seconds()
        time.sleep(_LOOK)
        busy, own = observing.machine()["busy"] - before, self._groups.cpu_seconds() - own
        return (busy - own) / _LOOK > max(_DISTURBED, self._options.most_outside)

    def has(self, run: Run) -> bool:
        """Whether it is made, or recorded."""
        if run.arm == QUIET:
            return self._runs.quiet(run.scenario, run.repetition).exists()
        return self._runs.has(run.name)

    def attempt(self, run: Run) -> None:
        """Make a run and keep or reject it; the machine is ours."""
        (self._record if run.arm == QUIET else self._make)(run)

    def _record(self, run: Run) -> None:
        """Record the quiet time of a scenario."""
        path, recording = self._runs.quiet(run.scenario, run.repetition), self._folder / "recording"
        recording.unlink(missing_ok=True)
        one = Agent(
            DRY_RUN,
            interval=self._options.interval,
            allocator="!NOPAllocator {}",
            recording=recording,
        )
        times = replace(self._options.times, lead=self._options.learning, tail=0.0)
        measured, *_ = self._perform(run, times, one, (Phase(react=0.0, window=0.0),))
        reason = rejection(measured, self._options.most_outside)
        if reason is None:
            shutil.copy(recording, path)
            self._say(f"{path.stem}: recorded")
        else:
            self._reject(path.stem, reason)

    def _make(self, run: Run) -> None:
        one = None
        if run.arm not in (NONE, STATIC):
            unlabelled = SCENARIOS[run.scenario].unlabelled
            one = Agent(
                run.arm,
                unlabelled,
                self._options.interval,
                self._options.allocator,
                self._folder / "recording",
            )
            self._learn(run, one)
            (self._folder / "recording").unlink(missing_ok=True)
        found = self._perform(run, self._options.times, one)
        reason = rejection(found[0], self._options.most_outside)
        if reason is not None:
            self._reject(run.name, reason)
            return
        records = [] if one is None else agent.records(self._folder)
        if one is not None:  # so that it can be seen why it did what it did
            shutil.copy(self._folder / "recording", self._runs.folder / f"{run.name}.wcar")
        result = result_of(run, *found, records) | {"version": self._version}
        self._runs.add(result, found[0].latencies)
        self._say(_sentence(result))

    def _reject(self, name: str, reason: str) -> None:
        self._runs.reject(name, reason)
        self._say(f"{name}: rejected, {reason}")

    def _learn(self, run: Run, one: Agent) -> None:
        """Let the agent begin with what it has seen; once for each scenario and arm."""
        name, state = learned_in(run.scenario), self._folder / "state"
        kept = self._folder / f"state-{run.scenario}-{run.arm}"
        if not kept.exists():
            config = agent.written(one, self._groups, self._folder / COUNTER, self._folder)
            learn(config, self._runs.recordings(name), kept)
        state.unlink(missing_ok=True)
        if kept.exists():
            shutil.copy(kept, state)

    def _perform(
        self, run: Run, times: Times, one: Agent | None, phases: Sequence[Phase] | None = None
    ) -> tuple[director.Measured, list[Change], list[str]]:
        """Everything from an empty node to an empty node."""
        left: list[str] = []
        with (
            self._session(run) as running,
            watching(self._groups) as watch,
            contextlib.ExitStack() as stack,
        ):
            running.begin_anew()

            def before() -> int | None:
                if one is None:
                    return None
                started = agent.running(one, self._groups, running.counter, self._folder)
                return stack.enter_context(started).pid

            def after() -> None:
                stack.close()
                left.extend(watch.left())

            measured = director.perform(
                running, watch, run, times, self._options.work, before, after, phases
            )
        self._groups.forget_all()
        return measured, watch.changes, left

    @contextlib.contextmanager
    def _session(self, run: Run) -> Iterator[Session]:
        scenario = SCENARIOS[run.scenario]
        files = {**self._files, programs.CACHED: self._files[_cached(scenario)]}
        with session(
            self._groups, self._binaries, files, self._folder, run.seed, scenario.load
        ) as running:
            yield running


def record(options: Options, say: Callable[[str], None] = print) -> Runs:
    """Make the runs that there are not yet.

    Raises:
        UnusableError: this machine, or the folder, cannot be used.
    """
    runs = Runs(options.out, options.as_plan())
    for name in dict.fromkeys((*map(learned_in, options.scenarios), *options.scenarios)):
        runs.uses(name, repr(SCENARIOS[name]))
    with first(), node_groups(top=TOP) as groups, memory_folder(TOP) as folder:
        recorder = _Recorder(options, runs, groups, folder, say)
        wanted = with_quiet(plan(options.seed, options.scenarios, options.repetitions))
        for batch in batches([one for one in wanted if not recorder.has(one)], options):
            todo = batch
            while todo and not recorder.over:
                with alone(options.lock):
                    recorder.prepare()
                    for run in todo:
                        if recorder.disturbed():
                            break  # whoever it is needs the machine now
                        recorder.attempt(run)
                todo = [run for run in todo if not recorder.has(run)]
                time.sleep(options.pause)
    return runs


def with_quiet(runs: Iterable[Run]) -> Iterator[Run]:
    """Runs, and before the first one of a victim a recording of its quiet time."""
    seen = set()
    for run in runs:
        name = learned_in(run.scenario)
        if name not in seen:
            seen.add(name)
            roles = dict(zip(SCENARIOS[name].roles, NEIGHBOURS, strict=False))
            yield Run(name, QUIET, 1, roles, 1)
        yield run


def batches(runs: Sequence[Run], options: Options) -> Iterator[list[Run]]:
    """Runs that hold the lock together, in their order: one, or as many as ``hold`` allows."""
    batch: list[Run] = []
    seconds = 0.0
    for run in runs:
        takes = _seconds(run, options)
        if batch and seconds + takes > options.hold:
            yield batch
            batch, seconds = [], 0.0
        batch.append(run)
        seconds += takes
    if batch:
        yield batch


def _seconds(run: Run, options: Options) -> float:
    if run.arm == QUIET:
        return _AROUND + options.times.settle + options.learning
    return _AROUND + options.times.whole(SCENARIOS[run.scenario], run.arm)


def learned_in(name: str) -> str:
    """The scenario in whose quiet time the agent of another has learned."""
    return SCENARIOS[name].learned or name


def _cached(scenario: Scenario) -> str:
    return f"{programs.CACHED}-{scenario.cached // MIB}"


def _version() -> str:
    """Of the agent: the commit of this folder, with a + when something is changed."""
    command = ["git", "describe", "--always", "--dirty=+", "--abbrev=9"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _sentence(result: dict[str, Any]) -> str:
    lead, window = result["lead"]["victim"], result["phases"][-1]["victim"]
    acted = "; ".join(
        f"{at:.1f} s {task} {file} {new}" for at, task, file, _, new in result["changes"]
    )
    return (
        f"{result['name']}: mean {lead.get('mean', 0):.2f} -> {window.get('mean', 0):.2f} ms, "
        f"p99 {lead.get('p99', 0):.2f} -> {window.get('p99', 0):.2f} ms, "
        f"CPU {sum(result['phases'][-1]['cpu'].values()):.2f}, "
        f"MB/s {sum(result['phases'][-1]['bytes'].values()) / 1e6:.0f}, "
        f"outside {result['outside']:.2f}; {acted or 'nothing done'}"
        + (f"; LEFT {result['left']}" if result["left"] else "")
    )
