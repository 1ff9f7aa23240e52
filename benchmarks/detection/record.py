"""Records episodes one after the other, until the plan or the time is at its end."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.detection import agent, director, programs
from benchmarks.detection.corpus import Corpus
from benchmarks.detection.groups import TOP, node_groups
from benchmarks.detection.plan import KINDS, Episode, Times, plan
from benchmarks.detection.session import RATE, STEPS, Session, first, session

__all__ = ["Options", "memory_folder", "record"]

#: For the counter of the victim and the latencies: writing them must not wait for a disk.
MEMORY_FOLDER = "/dev/shm"


@dataclass(frozen=True)
class Options:
    """What to record.

    Args:
        out: folder of the corpus.
        per_kind: episodes of each kind.
        controls: episodes of each control; None: as many.
        quiet: of the victim alone, before all others.
        seed: of the plan.
        seconds: after which no other episode is begun; None: when the plan is at its end.
        lock: a file that is locked during each episode; None: nobody else is on this machine.
        work: folder on a disk for the files that the programs read.
        build: folder for the compiled programs.
        kinds: which kinds.
        times: of each part.
        pause: seconds between episodes in which others may have the lock.
        most_outside: CPUs used by others, above which an episode does not count.
        sizes: of the files; those that the programs were tuned with when None.
    """

    out: Path
    per_kind: int = 20
    controls: int | None = None
    quiet: int = 4
    seed: int = 1
    seconds: float | None = None
    lock: Path | None = None
    work: Path = Path("/var/tmp/wca-detection")
    build: Path = Path("build/detection")
    kinds: Sequence[str] = tuple(KINDS)
    times: Times = field(default_factory=Times)
    pause: float = 2.0
    most_outside: float = director.MOST_OUTSIDE
    sizes: dict[str, int] | None = None

    def episodes(self) -> list[Episode]:
        """All of them, in their order."""
        return plan(self.seed, self.times, self.per_kind, self.kinds, self.quiet, self.controls)

    def as_plan(self) -> dict[str, object]:
        """What has to be the same when a corpus goes on."""
        return {
            "seed": self.seed,
            "kinds": list(self.kinds),
            "times": asdict(self.times),
            "quiet": self.quiet,
            "rate": RATE,
            "steps": STEPS,
            "sizes": dict(programs.SIZES if self.sizes is None else self.sizes),
            "programs": programs.sources_hash(),
        }


def record(options: Options, say: Callable[[str], None] = print) -> Corpus:
    """Record what is not recorded yet.

    Raises:
        UnusableError: this machine, or the folder, cannot be used.
    """
    corpus = Corpus(options.out, options.as_plan())
    binaries = programs.build(options.build)
    files = programs.files(options.work, options.sizes)
    end = None if options.seconds is None else time.monotonic() + options.seconds
    with first(), _session(binaries, files, options.seed) as (running, folder):
        for episode in options.episodes():
            while not corpus.has(episode.name):
                if end is not None and time.monotonic() > end:
                    return corpus
                say(_attempt(options, corpus, running, folder, episode))
                time.sleep(options.pause)
    return corpus


@contextlib.contextmanager
def _session(
    binaries: dict[str, str], files: dict[str, str], seed: int
) -> Iterator[tuple[Session, Path]]:
    with (
        node_groups() as groups,
        memory_folder() as folder,
        session(groups, binaries, files, folder, seed) as running,
    ):
        yield running, folder


@contextlib.contextmanager
def memory_folder(top: str = TOP) -> Iterator[Path]:
    """A folder in memory. What killed runs have left is removed: there is one run at a time.

    Args:
        top: group above all others of the benchmark; the folder's name begins with it.
    """
    for left in Path(MEMORY_FOLDER).glob(f"{top}-*"):
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=f"{top}-", dir=MEMORY_FOLDER) as name:
        yield Path(name)


def _attempt(
    options: Options, corpus: Corpus, running: Session, folder: Path, episode: Episode
) -> str:
    """Perform an episode and keep or reject it; a sentence about it."""
    name, kind = episode.name, episode.kind
    with director.alone(options.lock):
        try:
            running.begin_anew()
            with agent.recording(running.counter, folder, corpus.partial(name)):
                happened = director.perform(running, episode, options.times)
        finally:
            running.rate(0.0)
        running.recover()
    reason = director.rejection(happened, options.most_outside)
    if reason is not None:
        corpus.reject(name, kind, reason)
        return f"{name} {kind}: rejected, {reason}"
    corpus.add(name, director.labels(episode, happened), happened.latencies)
    before, after = (happened.parts[name] for name in ("lead", "episode"))
    return (
        f"{name} {kind}: mean {before['mean']:.2f} -> {after['mean']:.2f} ms, "
        f"p99 {before['p99']:.2f} -> {after['p99']:.2f} ms, CPU per request "
        f"{before['cpu per work']:.2f} -> {after['cpu per work']:.2f} ms, "
        f"outside {happened.outside:.2f}"
    )
