"""The victim under load, and the neighbours that come and go."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.detection import programs
from benchmarks.detection.groups import NEIGHBOURS, VICTIM, NodeGroups
from benchmarks.detection.plan import LARGE_FILE, Burst

__all__ = ["COUNTER", "RATE", "STEPS", "Load", "Session", "first", "session"]

#: Requests per second, and steps of the walk through memory in each.
RATE = 120.0
STEPS = 8_000
#: The victim has the first CPU; what measures has the other, above all others there.
VICTIM_CPU, OTHER_CPU = 0, 1
#: Where the victim counts what it has done.
COUNTER = "work"


@dataclass(frozen=True)
class Load:
    """What the victim does.

    Args:
        rate: requests per second.
        steps: of the walk through memory in each request.
        options: of the program.
        cpu: that it runs on; None: on all.
    """

    rate: float = RATE
    steps: int = STEPS
    options: tuple[str, ...] = ()
    cpu: int | None = VICTIM_CPU


class Session:
    """Victim and client, which run from the first episode to the last.

    Args:
        groups: of the node.
        binaries: the programs by name.
        files: those that the programs read, by name.
        folder: for the socket, the counter and the latencies.
        seed: of the client's arrivals.
        load: of the victim.
    """

    def __init__(
        self,
        groups: NodeGroups,
        binaries: Mapping[str, str],
        files: Mapping[str, str],
        folder: Path,
        seed: int,
        load: Load = Load(),
    ) -> None:
        self.groups = groups
        self._load = load
        self._binaries = binaries
        self._files = files
        self._neighbours: dict[Burst, subprocess.Popen] = {}
        self.latencies = folder / "latencies"
        self.counter = folder / COUNTER
        socket = folder / "socket"
        for path in (self.latencies, self.counter, socket):
            path.unlink(missing_ok=True)
        self._victim = programs.start(
            [
                *(binaries["victim"], "-s", str(socket), "-c", str(self.counter)),
                *("-f", files[programs.CACHED], "-F", files[programs.DIRECT]),
                *_joining(groups, VICTIM),
                *load.options,
            ],
            load.cpu,
        )
        self._wait_for(socket)
        self._client = programs.start(
            [binaries["client"], "-s", str(socket), "-r", str(self.latencies), "-S", str(seed)],
            OTHER_CPU,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()
        self.steps(1.0)

    def begin_anew(self) -> None:
        """Forget the latencies so far, and put the victim under its usual load.

        Its file is read again before: the page cache may have lost what was not used for a while.
        """
        os.truncate(self.latencies, 0)
        self._say("warm")
        self._answer()
        self.rate(1.0)

    def rate(self, factor: float) -> None:
        """Requests per second, as a multiple of the usual; 0: none."""
        self._say(f"rate {self._load.rate * factor}")

    def steps(self, factor: float) -> None:
        """Work per request, as a multiple of the usual."""
        self._say(f"steps {self._load.steps * factor:.0f}")

    def flying(self) -> int:
        """Requests that wait for an answer."""
        self._say("flying")
        return int(self._answer())

    def recover(self, deadline: float = 60.0) -> None:
        """Let the victim answer what waits, and drop what neighbours left in the page cache.

        Raises:
            programs.UnusableError: it does not within so many seconds.
        """
        end = time.monotonic() + deadline
        while self.flying():
            if time.monotonic() > end:
                raise programs.UnusableError("the victim does not come back to rest")
            time.sleep(0.05)
        for name in NEIGHBOURS:
            self.groups.forget_files(name)

    def begin(self, burst: Burst) -> None:
        """Start a neighbour; one without a task runs outside of all groups of the node."""
        mode, *options = burst.options
        groups = _joining(self.groups, burst.task) if burst.task else []
        command = [self._binaries["neighbour"], mode, *groups]
        command += [self._files[programs.LARGE] if one == LARGE_FILE else one for one in options]
        self._neighbours[burst] = programs.start(command)

    def end(self, burst: Burst) -> None:
        """Stop it.

        Raises:
            programs.UnusableError: it was no longer there.
        """
        process = self._neighbours.pop(burst)
        gone = process.poll()
        process.kill()
        process.wait()
        if gone is not None:
            raise programs.UnusableError(f"neighbour {' '.join(burst.options)} ended with {gone}")

    def end_all(self) -> None:
        """Stop every neighbour, in whatever state it is."""
        while self._neighbours:
            _, process = self._neighbours.popitem()
            process.kill()
            process.wait()

    def close(self) -> None:
        """End all of them."""
        self.end_all()
        for process in (self._victim, self._client):
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _say(self, command: str) -> None:
        self._client.stdin.write(f"{command}\n")
        self._client.stdin.flush()

    def _answer(self) -> str:
        line = self._client.stdout.readline().strip()
        if not line:
            raise programs.UnusableError("the client has ended")
        return line

    def _wait_for(self, path: Path) -> None:
        end = time.monotonic() + 30
        while not path.exists():
            if self._victim.poll() is not None or time.monotonic() > end:
                raise programs.UnusableError("the victim does not start")
            time.sleep(0.05)
        time.sleep(0.1)  # it listens


def _joining(groups: NodeGroups, name: str) -> list[str]:
    return [word for path in groups.procs(name) for word in ("-g", path)]


@contextlib.contextmanager
def session(*arguments) -> Iterator[Session]:
    """A session that ends in any case."""
    one = Session(*arguments)
    try:
        yield one
    finally:
        one.close()


@contextlib.contextmanager
def first() -> Iterator[None]:
    """Let this process, and those that it starts meanwhile, come first."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)
