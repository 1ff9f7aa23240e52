"""The pages of the view as lines of text. Pure: no terminal."""

import enum
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from wca.metrics.catalogue import CATALOGUE
from wca.top.columns import COLUMNS, NAME, Column, fitting
from wca.top.figures import NOT_MEASURED, amount, count, percent, precise
from wca.top.model import Row, Snapshot
from wca.top.order import Order
from wca.top.reading import Reading
from wca.top.text import fit, shown, width_of

__all__ = ["Line", "Style", "head_lines", "help_lines", "table_lines", "task_lines", "title_line"]

_KEYS = (
    ("arrows, j k", "move; also page up and down, home, end"),
    ("< >", "sort by the column before, after"),
    ("capital letter", "sort by its column; again: the other way round; N: by name"),
    ("r", "the other way round"),
    ("/", "only tasks with a text in name, id or label; escape: all"),
    ("space", "stand still, go on"),
    ("+ -", "longer, shorter interval"),
    ("enter", "all about the task; escape: back"),
    ("? h", "this page"),
    ("q", "end"),
)

#: Labels of a task whose texts are in the lines above.
_SAID = ("task_id", "task_name")


class Style(enum.Enum):
    """How a line is to be shown, as far as the terminal can."""

    PLAIN = "plain"
    TITLE = "title"
    HEAD = "head"
    SELECTED = "selected"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a page."""

    text: str
    style: Style = Style.PLAIN


def title_line(name: str, interval: float, reading: Reading | None, *, paused: bool) -> str:
    """Who measures what, how often, when, where.

    Args:
        name: of the source.
        interval: seconds between two readings.
        reading: that is shown; None: none is.
        paused: it stays.
    """
    state = "paused" if paused else f"every {interval:g} s"
    if reading is None:
        return shown(f"wca top  {state}  {name}")
    where = f" on {reading.host}" if reading.host else ""
    return shown(f"wca top {_clock(reading.time)}  {state}  {name}{where}")


def head_lines(snapshot: Snapshot, order: Order, seen: int) -> list[str]:
    """The machine, and what of the tasks is shown.

    Args:
        snapshot: what is shown.
        order: of the rows.
        seen: how many rows there are.
    """
    totals = snapshot.totals
    cpus = "CPUs" if totals.cpus is None else f"{totals.cpus:g} CPUs"
    waits = "  ".join(
        f"{name} {percent(share)}"
        for name, share in zip(("P-CPU", "P-MEM", "P-IO"), totals.pressure, strict=True)
    )
    tasks = f"tasks {totals.tasks}"
    if order.text:
        tasks += f" ({seen} rows with {shown(order.text)!r})"
    direction = "falling" if order.falling else "rising"
    memory = f"memory {amount(totals.memory)} of {amount(totals.memory_total)}"
    return [
        f"CPU {percent(totals.cpu)}% of {cpus}  {memory}  {waits}",
        f"{tasks}  anomalies {count(totals.anomalies)}  sorted by {order.title}, {direction}",
    ]


def table_lines(
    rows: Sequence[Row], width: int | None, order: Order | None = None, selected: Row | None = None
) -> list[Line]:
    """The head of the table and its rows.

    Args:
        rows: in their order.
        width: of the lines; None: whatever is needed.
        order: of them, which the head marks; None: it does not.
        selected: the row under the cursor.
    """
    name_width, columns = fitting(width)
    if width is None:
        name_width = max([len(NAME) + 1, *(width_of(shown(row.watched.name)) for row in rows)])
    lines = [Line(_head(name_width, columns, order), Style.HEAD)]
    for row in rows:
        # Of long paths the end tells more.
        name = fit(row.watched.name, name_width, keep_end="/" in row.watched.name)
        style = Style.ALARM if row.anomalies else Style.PLAIN
        cells = (one.figure(row.numbers[one.title]).rjust(one.width) for one in columns)
        lines.append(Line(" ".join((name, *cells)), Style.SELECTED if row is selected else style))
    return lines


def task_lines(row: Row, *, gone: bool, story: Sequence[str] = ()) -> list[Line]:
    """All that is known of a task.

    Args:
        row: as it was seen last.
        gone: it is not there any more.
        story: sentences of the records about it.
    """
    one = row.watched
    lines = [Line(f"{one.name}{' (is gone)' if gone else ''}", Style.TITLE)]
    if one.task_id != one.name:
        lines.append(Line(f"id {one.task_id}"))
    labels = sorted(one.labels.items())
    lines += [Line(f"label {name} = {text}") for name, text in labels if name not in _SAID]
    lines += _section("anomalies now", row.anomalies, Style.ALARM)
    lines += _section("allocations in force", row.allocations)
    lines += _section("seen from here", [f"{_clock(one.time)}  {one.words}" for one in row.events])
    lines += _section("records", story)
    lines += _section("metrics", _metrics(row))
    return [Line(shown(line.text), line.style) for line in lines]


def help_lines() -> list[Line]:
    """Keys and columns."""
    lines = [Line("Keys", Style.TITLE)]
    lines += [Line(f"  {key:<15} {meaning}") for key, meaning in _KEYS]
    lines += [Line(""), Line("Columns", Style.TITLE)]
    lines += [Line(f"  {one.key} {one.title:<6} {one.meaning}") for one in COLUMNS]
    lines += [Line(""), Line(f"{NOT_MEASURED} was not measured, or there is none.")]
    return lines


def _head(name_width: int, columns: Iterable[Column], order: Order | None) -> str:
    """The titles; a star before one, or after that of the names, says what is sorted by."""
    by_name = order is not None and order.column is None
    chosen = None if order is None else order.column
    titles = (f"{'*' if one is chosen else ' '}{one.title}".rjust(one.width + 1) for one in columns)
    return fit(f"{NAME}*" if by_name else NAME, name_width) + "".join(titles)


def _section(title: str, texts: Sequence[str], style: Style = Style.PLAIN) -> list[Line]:
    if not texts:
        return []
    return [Line(""), Line(title, Style.TITLE), *(Line(f"  {text}", style) for text in texts)]


def _metrics(row: Row) -> list[str]:
    """Every number, by name, with its unit and what a counter gains."""
    found = [
        (f"{name}{{{keys}}}" if keys else name, name, keys, value)
        for name, values in sorted(row.watched.values.items())
        for keys, value in _leaves(values)
    ]
    width = max((len(label) for label, *_ in found), default=0)
    return [
        f"{label:<{width}}  {_value_text(name, value)}" + ("" if keys else _gain(name, row.rates))
        for label, name, keys, value in found
    ]


def _leaves(value: object, keys: tuple[str, ...] = ()) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, (*keys, str(key)))
    elif isinstance(value, (int, float)) and math.isfinite(value):
        yield ",".join(keys), value


def _value_text(name: str, value: float) -> str:
    entry = CATALOGUE.get(name)
    if entry is not None and entry.unit == "timestamp":
        return _clock(value, day=True)
    if entry is None or entry.unit == "numeric":
        return precise(value)
    return f"{precise(value)} {entry.unit.replace('_', ' ')}"


def _gain(name: str, rates: Mapping[str, float]) -> str:
    return f"  ({precise(rates[name])} per second)" if name in rates else ""


def _clock(moment: float, *, day: bool = False) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S" if day else "%H:%M:%S", time.localtime(moment))
    except (OverflowError, ValueError, OSError):
        return "?"
