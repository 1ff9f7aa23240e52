"""A group of cgroup v2 that loses its last process is noticed before it is removed."""

import threading
import time
from collections import Counter

import pytest

from wca.containers.departures import Departures

WAIT = 10.0


@pytest.fixture
def watched(real_cgroups):
    told = threading.Event()
    departures = Departures()
    departures.start(told.set)
    yield real_cgroups, departures, told
    departures.close(WAIT)


def test_the_end_of_the_last_process_is_told(watched):
    cgroups, departures, told = watched
    path = cgroups.make("a")
    first, second = cgroups.worker(path), cgroups.worker(path)
    departures.watch("task-a", cgroups.locate(path))
    first.stop()
    assert not told.wait(0.1)
    second.stop()
    assert told.wait(WAIT)
    assert departures.take() == ["task-a"]
    assert departures.take() == []


def test_a_group_below_counts_as_well(watched):
    cgroups, departures, told = watched
    path = cgroups.make("pod")
    worker = cgroups.worker(cgroups.make("pod/container"))
    departures.watch("pod", cgroups.locate(path))
    worker.stop()
    assert told.wait(WAIT)
    assert departures.take() == ["pod"]


def test_a_group_that_gets_its_first_process_later_is_watched_too(watched):
    cgroups, departures, told = watched
    path = cgroups.make("late")
    departures.watch("late", cgroups.locate(path))
    cgroups.worker(path).stop()
    assert told.wait(WAIT)
    assert departures.take() == ["late"]


def test_a_group_that_is_removed_at_once_is_not_told_again_and_again(watched):
    cgroups, departures, told = watched
    paths = [cgroups.make(f"short{number}") for number in range(8)]
    workers = [cgroups.worker(path) for path in paths]
    for path in paths:
        departures.watch(path, cgroups.locate(path))
    for worker, path in zip(workers, paths, strict=True):
        worker.stop()
        cgroups.remove(path)
    assert told.wait(WAIT)
    time.sleep(0.3)
    # Becoming empty and being removed are two changes. The kernel tells a group at most once in
    # ten milliseconds, so that it may tell none of one that is removed within that time.
    counts = Counter(departures.take())
    assert counts.keys() <= set(paths)
    assert max(counts.values()) <= 2


def test_a_group_that_is_forgotten_or_never_had_a_process_is_not_told(watched):
    cgroups, departures, told = watched
    forgotten, empty, last = (cgroups.make(name) for name in ("forgotten", "empty", "last"))
    workers = [cgroups.worker(forgotten), cgroups.worker(last)]
    for name, path in (("forgotten", forgotten), ("empty", empty), ("last", last)):
        departures.watch(name, cgroups.locate(path))
    departures.forget("forgotten")
    departures.forget("never heard of")
    for worker in workers:
        worker.stop()
    assert told.wait(WAIT)
    assert departures.take() == ["last"]


def test_it_ends_in_the_middle_of_waiting_and_gives_everything_back(real_cgroups):
    departures = Departures()
    departures.start(lambda: None)
    path = real_cgroups.make("a")
    real_cgroups.worker(path)
    departures.watch("a", real_cgroups.locate(path))
    departures.close(WAIT)
    departures.close(WAIT)  # safe twice
    assert "departures" not in {thread.name for thread in threading.enumerate()}
