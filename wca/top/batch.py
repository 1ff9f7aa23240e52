"""Plain tables for scripts and pipes."""

import sys
import threading
from collections.abc import Iterator
from typing import TextIO

from wca.clock import Clock, SystemClock
from wca.errors import WcaError
from wca.runners.schedule import Schedule
from wca.top.lines import head_lines, table_lines, title_line
from wca.top.model import Model, Snapshot
from wca.top.order import Order
from wca.top.reading import Source

__all__ = ["print_tables"]


def print_tables(
    source: Source,
    order: Order,
    interval: float,
    tables: int | None,
    width: int | None,
    out: TextIO,
    clock: Clock | None = None,
) -> int:
    """Print what there is to see, once in each interval.

    The first reading is not printed: rates need two of them.

    Args:
        source: started; it is closed at the end.
        order: of the rows.
        interval: seconds between two tables.
        tables: after which it ends; None: it does not.
        width: of lines; None: whatever is needed.
        out: takes the text.
        clock: for tests: time.

    Returns:
        0; 1 when the last look has shown nothing.
    """
    printed, found = 0, False
    try:
        for snapshot in _snapshots(source, interval, clock or SystemClock()):
            found = snapshot is not None
            if snapshot is not None:
                print(_text(snapshot, source.name, order, interval, width), file=out, flush=True)
            printed += 1
            if printed == tables:
                break
            if snapshot is not None:
                print(file=out)
    finally:
        source.close()
    return 0 if found else 1


def _snapshots(source: Source, interval: float, clock: Clock) -> Iterator[Snapshot | None]:
    """One for each measurement from the second on; None where there was nothing to see."""
    model, before = Model(), None
    schedule, never = Schedule(interval, clock.monotonic()), threading.Event()
    while True:
        try:
            reading = source.read(interval)
        except WcaError as error:
            print(error, file=sys.stderr)  # noqa: T201 - the command's own output
            yield None
        else:
            snapshot = model.take(reading)
            # An agent may measure less often than it is asked.
            if before is not None and reading.at != before:
                yield snapshot
            before = reading.at
        schedule.advance(clock.monotonic())
        clock.wait(never, schedule.deadline - clock.monotonic())


def _text(snapshot: Snapshot, name: str, order: Order, interval: float, width: int | None) -> str:
    rows = order.apply(snapshot.rows)
    title = title_line(name, interval, snapshot.reading, paused=False)
    table = [line.text.rstrip() for line in table_lines(rows, width)]
    notes = [f"note: {note}" for note in snapshot.reading.notes]
    return "\n".join([title, *head_lines(snapshot, order, len(rows)), *notes, *table])
