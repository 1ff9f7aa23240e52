"""A group that loses its last process is noticed before it is removed, on either cgroup version."""

import os
import subprocess
import threading
import time

import pytest

from wca.containers.departures import Departures
from wca.linux.cgroup_events import GroupEvents

WAIT = 10.0


class Told(threading.Event):
    """Is set, again and again, when there is something to take."""

    times = 0

    def set(self):
        self.times += 1
        super().set()


@pytest.fixture(params=["real_cgroups", "v1_cgroups"])
def watched(request):
    """Groups that are in the unified hierarchy, and groups that are in those of v1 alone."""
    told, departures = Told(), Departures()
    departures.start(told.set)
    yield request.getfixturevalue(request.param), departures, told
    departures.close(WAIT)


def test_the_end_of_the_last_process_is_told(watched):
    cgroups, departures, told = watched
    path = cgroups.make("a")
    first, second = cgroups.worker(path), cgroups.worker(path)
    departures.watch("task-a", {path: cgroups.locate(path)})
    first.stop()
    assert not told.wait(0.1)
    second.stop()
    assert told.wait(WAIT)
    assert departures.take() == {"task-a"}
    assert departures.take() == set()


def test_a_group_below_counts_as_well(watched):
    cgroups, departures, told = watched
    path = cgroups.make("pod")
    worker = cgroups.worker(cgroups.make("pod/container"))
    departures.watch("pod", {path: cgroups.locate(path)})
    worker.stop()
    assert told.wait(WAIT)
    assert departures.take() == {"pod"}


def test_a_group_that_gets_its_first_process_later_is_watched_too(watched):
    cgroups, departures, told = watched
    path = cgroups.make("late")
    departures.watch("late", {path: cgroups.locate(path)})
    worker = cgroups.worker(path)
    departures.watch("late", {path: cgroups.locate(path)})  # as with each discovery
    worker.stop()
    assert told.wait(WAIT)
    assert departures.take() == {"late"}


def test_a_group_that_is_removed_at_once_is_not_told_again_and_again(watched):
    cgroups, departures, told = watched
    paths = [cgroups.make(f"short{number}") for number in range(8)]
    workers = [cgroups.worker(path) for path in paths]
    for path in paths:
        departures.watch(path, {path: cgroups.locate(path)})
    for worker, path in zip(workers, paths, strict=True):
        worker.stop()
        cgroups.remove(path)
    assert told.wait(WAIT)
    time.sleep(0.3)
    # Becoming empty and being removed are two changes. The kernel tells a group at most once in
    # ten milliseconds, so that it may tell none of one that is removed within that time.
    assert departures.take() <= set(paths)
    assert told.times <= 2 * len(paths)


def test_a_group_that_is_forgotten_or_never_had_a_process_is_not_told(watched):
    cgroups, departures, told = watched
    forgotten, empty, last = (cgroups.make(name) for name in ("forgotten", "empty", "last"))
    workers = [cgroups.worker(forgotten), cgroups.worker(last)]
    for name, path in (("forgotten", forgotten), ("empty", empty), ("last", last)):
        departures.watch(name, {path: cgroups.locate(path)})
    departures.forget("forgotten")
    departures.forget("never heard of")
    for worker in workers:
        worker.stop()
    assert told.wait(WAIT)
    assert departures.take() == {"last"}


def test_the_groups_of_a_task_that_are_not_given_any_more_are_not_told(watched):
    cgroups, departures, told = watched
    paths = [cgroups.make(name) for name in ("pod", "pod/first", "pod/second")]
    groups = {path: cgroups.locate(path) for path in paths}
    workers = [cgroups.worker(path) for path in paths[1:]]
    departures.watch("pod", groups)
    departures.watch("pod", {path: groups[path] for path in (paths[0], paths[2])})
    workers[0].stop()
    assert not told.wait(0.1)
    workers[1].stop()
    assert told.wait(WAIT)
    time.sleep(0.05)
    assert departures.take() == {"pod"}  # once, although two groups of it are empty


def test_on_v1_a_container_that_ends_is_told_while_others_of_the_pod_go_on(v1_cgroups):
    told, departures = Told(), Departures()
    departures.start(told.set)
    paths = [v1_cgroups.make(name) for name in ("pod", "pod/first", "pod/second")]
    workers = [v1_cgroups.worker(path) for path in paths[1:]]
    departures.watch("pod", {path: v1_cgroups.locate(path) for path in paths})
    workers[1].stop()
    assert told.wait(WAIT)
    assert departures.take() == {"pod"}
    departures.close(WAIT)


def test_on_v1_processes_that_come_and_go_are_followed_to_the_last(v1_cgroups):
    told, departures = Told(), Departures()
    departures.start(told.set)
    path = v1_cgroups.make("pool")
    workers = [v1_cgroups.worker(path) for _ in range(4)]
    departures.watch("pool", {path: v1_cgroups.locate(path)})
    for worker in workers[:-1]:
        worker.stop()
        assert not told.wait(0.05)
    workers[-1].stop()
    assert told.wait(WAIT)
    departures.close(WAIT)


def test_without_end_processes_that_come_and_go_are_not_followed():
    """Each of these has ended as soon as it is followed: that must not become work without end."""
    events = GroupEvents()
    asked = []

    def processes():
        asked.append(1)
        ended = subprocess.Popen(["true"]) if len(asked) % 2 else living[-1]
        living.append(ended)
        return [ended.pid]

    living = []
    assert events.follow("pool", processes)
    while events.watches("pool"):
        assert events.wait() == []
    assert len(asked) <= 2 * 20
    events.close()
    for process in living:
        process.wait()


def test_it_ends_in_the_middle_of_waiting_and_gives_everything_back(real_cgroups):
    departures = Departures()
    departures.start(lambda: None)
    path = real_cgroups.make("a")
    real_cgroups.worker(path)
    departures.watch("a", {path: real_cgroups.locate(path)})
    open_files = len(os.listdir("/proc/self/fd"))
    departures.close(WAIT)
    departures.close(WAIT)  # safe twice
    assert len(os.listdir("/proc/self/fd")) < open_files
    assert "departures" not in {thread.name for thread in threading.enumerate()}
