"""``Wrapper``: runs a program and stores the numbers that it prints."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence

from wca.abilities import ability
from wca.clock import Clock, SystemClock
from wca.errors import StartError
from wca.runners.lifecycle import Lifecycle
from wca.storage import Storage
from wca.storage.outlet import Outlet
from wca.telemetry import Telemetry
from wca.wrapping.api import Parser
from wca.wrapping.child import (
    CannotRunError,
    blocked_signals,
    exit_code,
    patience,
    spawn,
    supervise,
)
from wca.wrapping.listening import Listener
from wca.wrapping.passing import Passage, SharedOutput
from wca.wrapping.service_levels import ServiceLevels

__all__ = ["Wrapper"]

log = logging.getLogger(__name__)

#: Seconds for the end of the output after that of the program: a process that it has left behind
#: may hold it open.
DRAIN = 2.0
#: Seconds for parsing what waits, and for handing over and sending what was found.
PARSE, CLOSE = 5.0, 10.0


class Wrapper:
    """Runs a program to its end as if it were run by itself.

    Its input and environment are ours, its output goes where ours goes, signals are passed on, and
    its exit code is the result.

    Args:
        storage: where metrics go.
        parsers: by the stream that they are for, ``stdout`` or ``stderr``.
        outputs: where the output of these streams goes, by the same names.
        interval: seconds that a batch of metrics covers, from its first one on.
        levels: which metrics say how well the program does.
        labels: of all metrics.
        prefix: of the names of those that are parsed.
        clock: time.
    """

    def __init__(
        self,
        storage: Storage,
        parsers: Mapping[str, Parser],
        outputs: Mapping[str, SharedOutput],
        interval: float = 1.0,
        levels: ServiceLevels | None = None,
        labels: Mapping[str, str] | None = None,
        prefix: str = "",
        clock: Clock | None = None,
    ) -> None:
        self._storage = storage
        self._parsers = parsers
        self._outputs = outputs
        self._interval = interval
        self._levels = ServiceLevels() if levels is None else levels
        self._labels = {} if labels is None else labels
        self._prefix = prefix
        self._clock = SystemClock() if clock is None else clock

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Run the program; on the main thread.

        Args:
            command: program and arguments.
            environment: of the program.

        Returns:
            Its exit code, or 128 and the number of the signal that ended it.

        Raises:
            StartError: the storage cannot start; the program was not run.
            CannotRunError: the program cannot be started.
        """
        lifecycle = Lifecycle(self._clock)
        with blocked_signals() as mask:
            try:
                listener = self._listener(self._outlet(lifecycle))
                status = self._run(command, environment, mask, listener)
            except BaseException:
                lifecycle.close(CLOSE)
                raise
            finish = threading.Thread(
                target=self._finish, args=(listener, lifecycle, command[0]), daemon=True
            )
            finish.start()
            if not patience(finish):
                log.warning("interrupted: metrics that have not been stored yet are lost")
        return exit_code(status)

    def _listener(self, outlet: Outlet) -> Listener:
        return Listener(
            self._parsers,
            outlet.put,
            self._interval,
            self._levels,
            self._labels,
            self._prefix,
            self._clock,
        )

    def _finish(self, listener: Listener, lifecycle: Lifecycle, program: str) -> None:
        """The program has ended: store what is still on its way."""
        listener.finish(PARSE)
        if not listener.found:
            log.warning("nothing that %s has printed is a metric", program)
        lifecycle.close(CLOSE)

    def _outlet(self, lifecycle: Lifecycle) -> Outlet:
        for one in _with_inner(self._storage):
            if ability(one, "routes") is not None:
                raise StartError(
                    f"{type(one).__name__} shows metrics on a page, and wca wrap has no server: "
                    "use a storage that sends or writes them"
                )
        lifecycle.start(self._storage, "storage")
        outlet = Outlet(self._storage, "storage", Telemetry(), clock=self._clock)
        flush = ability(self._storage, "flush")
        if flush is not None:
            lifecycle.before_close("storage", flush)
        lifecycle.before_close("storage", outlet.close)
        return outlet

    def _run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        mask: set[signal.Signals],
        listener: Listener,
    ) -> int:
        pipes = {name: os.pipe() for name in self._parsers}
        _flush_own_output()
        try:
            pid = spawn(command, environment, mask, {name: end for name, (_, end) in pipes.items()})
        except CannotRunError:
            for pipe, _ in pipes.values():
                os.close(pipe)
            raise
        finally:
            for _, end in pipes.values():
                os.close(end)
        passages = [self._passage(name, pipe, listener) for name, (pipe, _) in pipes.items()]
        for start in (listener.start, *(passage.start for passage in passages)):
            start()
        status = supervise(pid)
        left_behind = [passage for passage in passages if not passage.finish(DRAIN)]
        if left_behind:
            log.warning("a process that %s has left behind still has its output", command[0])
        return status

    def _passage(self, name: str, pipe: int, listener: Listener) -> Passage:
        return Passage(pipe, self._outputs[name], lambda data: listener.hear(name, data), name)


def _with_inner(storage: Storage) -> Iterator[object]:
    """A storage and those that it passes metrics on to."""
    yield storage
    inner = getattr(storage, "storages", None)
    for one in inner if isinstance(inner, (list, tuple)) else ():
        yield from _with_inner(one)


def _flush_own_output() -> None:
    """What was printed before the program runs comes before what it prints."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
