"""``wca why``: what happened to a task, and why."""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Sequence

from wca.allocations.api import Entry, JournalError
from wca.allocations.journal import DEFAULT_JOURNAL, Journal
from wca.audit.moments import moment, shown
from wca.audit.reading import RecordsFile
from wca.audit.sentences import names_of
from wca.audit.story import Story, story_text, tell
from wca.errors import UsageError, WcaError

__all__ = ["add_arguments", "run"]

#: Tasks that are named where the one that was asked for is not there.
_MOST_NAMES = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``wca why``."""
    parser.add_argument("task", metavar="TASK", help="id or name of a task")
    parser.add_argument(
        "time",
        metavar="TIME",
        nargs="?",
        help="until when: 12:03, or 2026-11-30T12:03; now when left out",
    )
    parser.add_argument(
        "--records", required=True, metavar="FILE", help="the file of the option records"
    )
    parser.add_argument(
        "--journal", metavar="PATH", help=f"what is in force; {DEFAULT_JOURNAL} where that is there"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the story of a task.

    Returns:
        0.

    Raises:
        RecordsError: the records cannot be read.
        JournalError: the journal that was named cannot be trusted or read.
        UsageError: the time is none, or there is no such journal.
        WcaError: nothing is known of the task.
    """
    now = time.time()
    until = math.inf if args.time is None else moment(args.time, now)
    in_force = _in_force(args.journal)
    records = RecordsFile(args.records)
    story = tell(records, args.task, until)
    mine = [entry for entry in in_force if entry.task_id in {args.task, *story.task_ids}]
    if records.damaged:
        print(f"{args.records}: {records.damaged} lines are no records", file=sys.stderr)  # noqa: T201
    if not story.events and not mine:
        raise WcaError(_nothing(args, sorted(set().union(*map(names_of, records)))))
    print(_json(story, mine) if args.json else story_text(story, _told(mine, now)))  # noqa: T201
    return 0


def _in_force(path: str | None) -> Sequence[Entry]:
    """What the journal says; the default one is no must."""
    if path is not None and not os.path.exists(path):
        raise UsageError(f"{path}: there is no such journal")
    journal = Journal(path or DEFAULT_JOURNAL)
    try:
        return journal.entries()
    except JournalError as error:
        if path is not None:
            raise
        print(f"what is in force is not known: {error}", file=sys.stderr)  # noqa: T201
        return []
    finally:
        journal.close()


def _told(entries: Sequence[Entry], now: float) -> list[str]:
    return [
        f"{entry.type}: {entry.path} has {entry.ours} instead of {entry.original} "
        + (f"until {shown(entry.expires)}" if entry.expires > now else "(its lease has ended)")
        for entry in entries
    ]


def _nothing(args: argparse.Namespace, names: Sequence[str]) -> str:
    when = "" if args.time is None else f" before {args.time}"
    if not names:
        return f"{args.records}: has no record of any task"
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return (
        f"{args.records}: has no record of a task {args.task!r}{when}; "
        f"it knows {', '.join(names[:_MOST_NAMES])}{more}"
    )


def _json(story: Story, entries: Sequence[Entry]) -> str:
    return json.dumps(
        {
            "task": story.task,
            "task_ids": story.task_ids,
            "until": story.until if math.isfinite(story.until) else None,
            "events": story.events,
            "granted": list(story.granted.values()),
            "in_force": [
                {
                    "path": one.path,
                    "allocation_type": one.type,
                    "task_id": one.task_id,
                    "from": one.original,
                    "to": one.ours,
                    "owner": one.owner,
                    "since": one.since,
                    "expires": one.expires,
                }
                for one in entries
            ],
        },
        indent=1,
    )
