"""``wca undo``: give back by hand what an agent has changed."""

import argparse
import os
import sys
import time
from collections.abc import Sequence

from wca.allocations.api import Entry
from wca.allocations.confined import undo_files
from wca.allocations.journal import DEFAULT_JOURNAL, Journal
from wca.allocations.patience import Patience
from wca.allocations.undo import LEFT, UndoFiles, still_ours
from wca.errors import UsageError

__all__ = ["add_arguments", "run"]

#: Seconds that what takes its time is waited for.
PATIENCE = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``wca undo``."""
    parser.add_argument("--journal", metavar="PATH", help=f"{DEFAULT_JOURNAL} by default")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--yes", action="store_true", help="do not ask")
    choice.add_argument("--dry-run", action="store_true", help="only say what would be done")


def run(args: argparse.Namespace) -> int:
    """Say what is in force, ask, and undo it.

    Returns:
        1 when something is still in force that should not be, or there is no such journal, else 0.

    Raises:
        JournalError: the journal cannot be trusted or read.
        UsageError: nobody can be asked.
    """
    path = args.journal or DEFAULT_JOURNAL
    if not os.path.lexists(path):
        print(f"there is no journal at {path}")  # noqa: T201
        return int(args.journal is not None)
    journal, patience = Journal(path), Patience(deadline=PATIENCE)
    try:
        entries = journal.entries()
        files = undo_files()
        _say(*journal.problems())
        _say(*(_described(entry, files) for entry in entries))
        if not entries:
            print("nothing is in force")  # noqa: T201
        if not entries or args.dry_run or not (args.yes or _agreed(entries)):
            return 0
        undone = journal.undo(patience.of(files), only_expired=False, now=time.time())
    finally:
        journal.close()
    for one in undone:
        print(one)  # noqa: T201
    if any(one.outcome == "waiting" for one in undone):
        _say("an agent runs and may write again: `wca hold` keeps it from that")
    return int(any(one.outcome in LEFT for one in undone))


def _described(entry: Entry, files: UndoFiles) -> str:
    now = "" if still_ours(entry, files) is not None else ", by now another value or group"
    left = entry.expires - time.time()
    lease = f"lease ends in {left:.0f} s" if left > 0 else "expired"
    return (
        f"{entry.path}: {entry.original!r} was changed to {entry.ours!r} by {entry.owner} for "
        f"{entry.task_id}, {lease}{now}"
    )


def _agreed(entries: Sequence[Entry]) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to ask: add --yes, or --dry-run to only look")
    try:
        answer = input(f"undo {len(entries)} changes? [y/N] ")
    except EOFError:
        print()  # noqa: T201
        answer = ""
    return answer.strip().lower() in ("y", "yes")


def _say(*sentences: str) -> None:
    for sentence in sentences:
        print(sentence, file=sys.stderr)  # noqa: T201
