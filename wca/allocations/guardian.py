"""A small process of its own that gives back what a dead or hanging agent has changed.

``python -m wca.allocations.guardian --journal PATH --hold PATH`` knows the standard library and the
journal, no configuration and no component. It is started by whoever starts the agent, never by the
agent: with it in one control group, both would die or be frozen together.
"""

import argparse
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence

from wca.allocations.api import JournalError, Undone
from wca.allocations.confined import undo_files
from wca.allocations.hold import DEFAULT_HOLD, Hold
from wca.allocations.journal import DEFAULT_JOURNAL, Journal
from wca.allocations.patience import Patience
from wca.allocations.undo import LEFT, UndoFiles
from wca.supervisor import Supervisor

__all__ = ["Guardian", "main"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Guardian:
    """Undoes what has expired, and everything while it is held.

    Args:
        journal: to look at, not open.
        hold: the hold file.
        files: gives the kernel's files, asked for at each undo: mounts may come later.
        say: takes a sentence for the log.
        now: Unix time in seconds.
        patience: with what takes its time.
    """

    def __init__(
        self,
        journal: Journal,
        hold: Hold,
        files: Callable[[], UndoFiles],
        say: Callable[[str], None],
        now: Callable[[], float] = time.time,
        patience: Patience | None = None,
    ) -> None:
        self._journal = journal
        self._hold = hold
        self._files = files
        self._say = say
        self._now = now
        self._patience = patience or Patience()
        self._held: str | None = None
        self._trouble: str | None = None
        self._open_matters: set[str] = set()

    def look(self) -> list[Undone]:
        """Look once, and undo what is to be undone; no trouble ends the guardian."""
        held = self._hold.reason()
        if held != self._held:
            self._held = held
            self._say(held or "released")
        try:
            undone = self._undo(everything=held is not None)
        except (JournalError, OSError) as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                self._say(f"cannot undo: {error}")
            return []
        self._trouble = None
        self._tell(undone)
        return undone

    def _undo(self, *, everything: bool) -> list[Undone]:
        now = self._now()
        entries = self._journal.entries()
        if not any(everything or one.undoing or one.expires <= now for one in entries):
            return []
        files = self._patience.of(self._files())
        return self._journal.undo(files, only_expired=not everything, now=now)

    def _tell(self, undone: Sequence[Undone]) -> None:
        """Each thing that was done, and once each that could not be done yet."""
        still = {str(one) for one in undone if one.outcome in (*LEFT, "gone")}
        for one in undone:
            if str(one) not in self._open_matters:
                self._say(str(one))
        self._open_matters = still


def main(argv: Sequence[str] | None = None) -> int:
    """Guard until SIGTERM; what is in force then stays until its lease ends and one guards again.

    Returns:
        0.
    """
    args = _arguments(argv)
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with contextlib.suppress(PermissionError):  # it is one already
        os.setsid()
    supervisor = Supervisor.from_environment(os.environ)
    guardian = Guardian(Journal(args.journal), Hold(args.hold), undo_files, _say)
    supervisor.ready(f"guards {args.journal}")
    while True:
        guardian.look()
        supervisor.alive()
        if args.once or signal.sigtimedwait(_SIGNALS, args.every) is not None:
            return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="wca-guardian", description=__doc__, allow_abbrev=False)
    parser.add_argument("--journal", default=DEFAULT_JOURNAL, metavar="PATH")
    parser.add_argument("--hold", default=DEFAULT_HOLD, metavar="PATH")
    parser.add_argument("--every", type=_seconds, default=1.0, metavar="SECONDS")
    parser.add_argument("--once", action="store_true", help="look once and end")
    return parser.parse_args(argv)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.01 <= seconds <= 60:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0.01 to 60")
    return seconds


def _say(sentence: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody listens, and the work goes on
        print(sentence, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
