"""A plan as text."""

from collections.abc import Iterator, Sequence

from wca.planning.model import Lacking, Output, Plan

__all__ = ["report"]

_WIDTH = 13
#: Names of metrics in one line.
_MOST_NAMES = 5
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def report(plan: Plan) -> str:
    """The whole plan, for people."""
    return "\n".join(_lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    yield _line("tasks", _tasks(plan))
    yield _line("series", _series(plan))
    yield from _block("storages", [_output(one) for one in plan.outputs])
    yield _line("descriptors", f"{plan.descriptors} of at most {plan.descriptor_limit}")
    yield _line("CPU", _cpu(plan))
    yield _line("memory", f"{plan.memory / 2**20:.1f} MiB")
    rights = [f"{one.subject}: {one.found}" for one in plan.privileges]
    yield from _block("privileges", rights or ["none"])
    yield from _block("impossible", [_lacking(one) for one in plan.impossible])
    yield from _block("no number", [_lacking(one) for one in plan.unseen])
    yield from _block(
        "not tried",
        [
            f"{one.collector}: {one.changes}; on top, where it measures: {_names(one.metrics)}"
            for one in plan.left_out
        ],
    )
    yield from _block("taken for granted", plan.assumptions)
    yield from _block("it lacks", plan.lacks)


def _line(head: str, text: str) -> str:
    return f"{head:<{_WIDTH}}{text}"


def _block(head: str, texts: Sequence[str]) -> Iterator[str]:
    """One line where there is one text, else one for each below a head; nothing for none."""
    if len(texts) == 1 and len(head) < _WIDTH:
        yield _line(head, texts[0])
    elif texts:
        yield head
        yield from (f"  {one}" for one in texts)


def _tasks(plan: Plan) -> str:
    tasks = plan.tasks
    found = f"{tasks.found} now ({tasks.node})"
    return found if tasks.planned == tasks.found else f"{tasks.planned} planned for, {found}"


def _series(plan: Plan) -> str:
    series = plan.series
    parts = f"{series.others} of the machine and the agent"
    if series.per_task:
        parts += f", {series.per_task:.1f} of each task"
    return f"{series.total} in each interval of {plan.interval:g} s: {parts}"


def _output(one: Output) -> str:
    if one.problem:
        return f"{one.name}: {one.problem}"
    day = f"{_size(one.day_bytes)} a day"
    if one.fetched:
        day += ", fetched once in each interval"
    batch = f"{one.samples} samples, {_size(one.batch_bytes)}, each {one.seconds:g} s"
    return f"{one.name}: {day} ({batch}; {one.form})"


def _cpu(plan: Plan) -> str:
    cpu = plan.cpu
    words = f"{cpu.share:.2%} of one core, {cpu.interval_seconds * 1e3:.1f} ms an interval"
    page = f"; {cpu.page_seconds * 1e3:.1f} ms more each time that the page is fetched"
    return words + page if cpu.page_seconds else words


def _lacking(one: Lacking) -> str:
    reason = f"{one.reason}: " if one.reason else ""
    return f"{one.collector}: {reason}{_names(one.metrics)}"


def _names(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    shown = ", ".join(names[:_MOST_NAMES])
    return f"{shown} and {more} more" if more > 0 else shown


def _size(size: int) -> str:
    number, unit = float(size), 0
    while number >= 1000 and unit < len(_UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.0f} {_UNITS[0]}" if not unit else f"{number:.1f} {_UNITS[unit]}"
