"""What a plan takes for granted, and what is not in it."""

from collections.abc import Iterator

from wca.planning.model import Tasks
from wca.runners.measurement import MeasurementRunner

__all__ = ["assumptions"]


def assumptions(runner: MeasurementRunner, tasks: Tasks) -> list[str]:
    """Sentences for people.

    Args:
        runner: that was measured.
        tasks: how many.
    """
    return [*_of_tasks(tasks), *_of_costs(runner), *_of_others(runner)]


def _of_tasks(tasks: Tasks) -> Iterator[str]:
    if not tasks.found:
        yield "no task runs now: what tasks cost is not in it"
    elif tasks.planned > tasks.found:
        yield f"further tasks are on average like the {tasks.found} that run now"
    else:
        yield "tasks stay as they are now; the series of one that ends are gone at once"


def _of_costs(runner: MeasurementRunner) -> Iterator[str]:
    yield "bytes are those before any protocol: no headers, no TLS, nothing sent twice"
    yield "CPU is for measuring and encoding, of pages once in an interval: sending comes on top"
    yield (
        "memory is that of an agent whose storages are reached: what waits in queues otherwise "
        "comes on top"
    )
    if any(
        one.interval is not None and one.interval > runner.interval for one in runner.collectors
    ):
        yield "collectors that are read less often than once in an interval cost next to nothing"


def _of_others(runner: MeasurementRunner) -> Iterator[str]:
    if hasattr(runner, "detector") or hasattr(runner, "allocator"):
        name = "detector" if hasattr(runner, "detector") else "allocator"
        yield f"the {name} is not asked: its CPU, its metrics, and what it finds come on top"
    if runner.recording is not None:
        yield "the recording is not in it"
