"""What a recording costs: bytes on the disk, and CPU time of its thread."""

import os
import random
import tempfile
import time
from collections.abc import Iterator
from itertools import islice

from wca.metrics import CATALOGUE, MetricGranularity, MetricType, MetricUnit
from wca.recording import RecordingWriter, read_recording
from wca.testing.detectors import a_platform, a_task

__all__ = ["HEADER", "rows"]

HEADER = (
    "| tasks | metrics | moving | bytes/(task, interval) | MB/day at 1 s | write us/task "
    "| read us/task |\n|---|---|---|---|---|---|---|"
)
_METRICS = 40


def rows(sizes: list[int], rounds: int) -> Iterator[str]:
    """A row of the table for each size, with all numbers moving and with a tenth of the tasks."""
    for size in sizes:
        for moving in (1.0, 0.1):
            yield _measure(size, rounds, moving)


def _measure(size: int, rounds: int, moving: float) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "recording")
        writer = RecordingWriter(path)
        spent = 0.0
        for platform, tasks in _intervals(size, rounds, moving):
            start = time.thread_time()
            writer.add(platform, tasks)
            spent += time.thread_time() - start
        start = time.thread_time()
        writer.close()
        spent += time.thread_time() - start
        start = time.thread_time()
        frames = sum(1 for _ in read_recording(path))
        read = time.thread_time() - start
        each = os.stat(path).st_size / size / frames
    return (
        f"| {size} | {_METRICS} | {moving:.0%} | {each:.0f} | {each * size * 86400 / 1e6:.0f} "
        f"| {spent / size / frames * 1e6:.0f} | {read / size / frames * 1e6:.0f} |"
    )


def _intervals(size, rounds, moving):
    """Numbers as the kernel gives them: nanoseconds, microseconds, pages; counters and gauges."""
    chance = random.Random(1)
    entries = [
        one
        for one in CATALOGUE.values()
        if one.granularity is MetricGranularity.TASK and not one.levels
    ]
    chosen = list(islice(entries, _METRICS))
    values = {
        task: {one.name: _first(one, chance) for one in chosen}
        for task in (f"/kubepods/pod{number}" for number in range(size))
    }
    labels = {"app": "shop", "namespace": "default", "zone": "a"}
    busy = list(values)[: max(1, int(size * moving))]
    for second in range(rounds):
        for task in busy:
            for one in chosen:
                values[task][one.name] = _next(one, values[task][one.name], chance)
        tasks = {task: a_task(task, dict(each), labels) for task, each in values.items()}
        yield a_platform(second + chance.random() / 1000), tasks


def _first(entry, chance):
    if entry.unit is MetricUnit.SECONDS:
        return chance.randrange(10**15) / 1e9
    return chance.randrange(10**6) * (4096 if entry.unit is MetricUnit.BYTES else 1)


def _next(entry, value, chance):
    if entry.unit is MetricUnit.SECONDS:
        return (round(value * 1e9) + chance.randrange(10**9)) / 1e9
    step = chance.randrange(1000) * (4096 if entry.unit is MetricUnit.BYTES else 1)
    return value + step if entry.type is MetricType.COUNTER or chance.random() < 0.5 else value
