"""A program that runs below the agent, which measures it and ends with it."""

import ctypes
import logging
import signal
import threading
from collections.abc import Mapping, Sequence

from wca.errors import StartError
from wca.runners import MeasurementRunner
from wca.wrapping.child import exit_code, spawn, supervise

__all__ = ["Parent"]

log = logging.getLogger("wca.cloudwatch")

#: prctl(2): orphans below this process become its children, so that it can reap them.
_PR_SET_CHILD_SUBREAPER = 36
#: Seconds more than the runner itself has, for its thread to end.
_MARGIN = 0.5


class Parent:
    """Runs a program, and the agent beside it on a thread of its own.

    Signals are passed on to the program; the agent ends when that has, and not before: what it
    measured until then is published. An agent that cannot start says so, and the program runs.

    Args:
        runner: measures and publishes.
        shutdown_timeout: seconds for the last data after the end of the program.
    """

    def __init__(self, runner: MeasurementRunner, shutdown_timeout: float) -> None:
        self._runner = runner
        self._shutdown_timeout = shutdown_timeout

    def run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        mask: set[signal.Signals],
    ) -> int:
        """Run the program to its end; on the main thread, where signals are blocked.

        Args:
            command: program and arguments.
            environment: of the program.
            mask: signals that the program blocks, see ``blocked_signals``.

        Returns:
            Its exit code, or 128 and the number of the signal that ended it.

        Raises:
            CannotRunError: it cannot be started.
        """
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        # Apart: an init that signals our whole group would tell the program, and then we again.
        pid = spawn(command, environment, mask, {}, program="wca exec", apart=True)
        measuring = threading.Thread(target=self._measure, name="agent", daemon=True)
        measuring.start()
        status = supervise(pid, reap=True)
        # Signals stay blocked: a second one must not keep the last data from going out.
        self._runner.stop(self._shutdown_timeout)
        measuring.join(self._shutdown_timeout + _MARGIN)
        if measuring.is_alive():
            log.error("the last data could not be published in %g s", self._shutdown_timeout)
        return exit_code(status)

    def _measure(self) -> None:
        try:
            self._runner.run()
        except StartError as error:
            log.error("nothing is published: %s", error)  # noqa: TRY400 - one sentence
