"""The program that is wrapped: started, sent the signals that were meant for it, waited for."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wca.errors import UsageError

__all__ = [
    "NOT_EXECUTABLE",
    "NOT_FOUND",
    "CannotRunError",
    "blocked_signals",
    "exit_code",
    "patience",
    "spawn",
    "supervise",
]

#: What a shell reports for a program that it cannot run.
NOT_EXECUTABLE, NOT_FOUND = 126, 127
#: And for one that a signal ended: this and the number of the signal.
_BY_SIGNAL = 128
#: What is passed on. Job control (TSTP, TTIN, TTOU, CONT) is for both, and does what it does.
_FORWARDED = frozenset(
    {
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGTERM,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGWINCH,
    }
)
#: Those of them that want an end.
_ENDING = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM})
#: Seconds between two looks at a thread.
_LOOK = 0.02
#: Ignored by Python, and not by a program that a shell starts.
_PYTHONS = (signal.SIGPIPE, signal.SIGXFSZ)
#: A program, like a shell's.
_STANDARD = {"stdout": 1, "stderr": 2}


class CannotRunError(UsageError):
    """The program cannot be started.

    Args:
        program: as it was given.
        error: of the system.
        runner: the command that wanted to.
    """

    def __init__(self, program: str, error: OSError, runner: str = "wca wrap") -> None:
        self.exit_code = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
        super().__init__(f"{runner} cannot run {program}: {error.strerror or error}")


@contextlib.contextmanager
def blocked_signals() -> Iterator[set[signal.Signals]]:
    """Keep all signals that are passed on for ``supervise``; yields the mask from before.

    It has to be entered before a thread is started: one that does not block a signal would take it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED | {signal.SIGCHLD})
    # Where our parent ignores the end of its children, so would we, and never hear of it.
    handler = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        yield {signal.Signals(one) for one in before}
    finally:
        signal.signal(signal.SIGCHLD, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def spawn(
    command: Sequence[str],
    environment: Mapping[str, str],
    mask: set[signal.Signals],
    pipes: Mapping[str, int],
    program: str = "wca wrap",
    *,
    apart: bool = False,
) -> int:
    """Start a program as a shell would, but with pipes for some of its output.

    Args:
        command: program and arguments; the program is looked for in PATH.
        environment: of the program.
        mask: signals that it blocks.
        pipes: ``stdout`` or ``stderr`` to the end of the pipe that it writes to.
        program: the command that starts it, for messages.
        apart: in a process group of its own, unless there is a terminal: that sends its signals to
            the group in the foreground, to which both have to belong.

    Returns:
        Its process id.

    Raises:
        CannotRunError: it cannot be started.
    """
    group: dict[str, Any] = {"setpgroup": 0} if apart and not _has_terminal() else {}
    actions = [(os.POSIX_SPAWN_DUP2, end, _STANDARD[name]) for name, end in pipes.items()]
    try:
        return os.posix_spawnp(
            command[0],
            list(command),
            dict(environment),
            file_actions=actions,
            setsigmask=mask,
            setsigdef=_PYTHONS,
            **group,
        )
    except OSError as error:
        raise CannotRunError(command[0], error, program) from None


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def supervise(pid: int, *, reap: bool = False) -> int:
    """Pass signals on to a child until it has ended.

    A signal that the terminal has sent (Ctrl-C) has gone to the whole foreground group, the child
    included, and is not sent a second time.

    Args:
        pid: of the child.
        reap: whether to take the end of other children as well, of which nobody else knows.

    Returns:
        How it ended, as ``waitpid`` says.
    """
    while True:
        received = signal.sigwaitinfo(_FORWARDED | {signal.SIGCHLD})
        if received.si_signo == signal.SIGCHLD:
            status = _status_of(pid, reap=reap)
            if status is not None:
                return status
        elif received.si_code <= 0:  # sent by a process, not by the kernel
            os.kill(pid, received.si_signo)


def _status_of(pid: int, *, reap: bool) -> int | None:
    """How a child has ended; None: it has not."""
    while True:
        ended, status = os.waitpid(-1 if reap else pid, os.WNOHANG)
        if ended == pid:
            return status
        if not ended:
            return None


def patience(work: threading.Thread) -> bool:
    """Wait for what is left to do after the child has ended, unless a signal asks for the end.

    Args:
        work: the thread that does it, started.

    Returns:
        Whether it was done.
    """
    while work.is_alive():
        received = signal.sigtimedwait(_FORWARDED, _LOOK)
        if received is not None and received.si_signo in _ENDING:
            return False
    return True


def exit_code(status: int) -> int:
    """What a shell would report for what ``waitpid`` says."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else _BY_SIGNAL - code
