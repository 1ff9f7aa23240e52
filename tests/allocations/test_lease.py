"""What is in force is given back by whoever it was that changed it: held, unanswered, or at the end."""

import errno
import fcntl
import os
import threading
import time

import pytest

from tests.allocations.kernel_stand_in import FOLDER, Kernel, perform
from wca.allocations.api import Write
from wca.allocations.gate import Gate
from wca.allocations.hold import Hold
from wca.allocations.journal import Journal
from wca.allocations.lease import HELD, UNDOING, Lease
from wca.allocations.patience import Patience
from wca.allocations.slow import SlowWrites

LEASE = 20.0
SHARES = f"{FOLDER}/one/cpu.shares"
MEMORY = "/sys/fs/cgroup/memory/one"
LIMIT = f"{MEMORY}/memory.limit_in_bytes"
OLD, NEW = "1073741824", "67108864"


class SlowKernel(Kernel):
    """Its limits of memory are set when reclaim has come to its end, as on cgroup v1."""

    def __init__(self):
        super().__init__()
        self.slow = {}  # by value: an event to wait for
        self.make(f"{FOLDER}/one", cpu_shares="1024")
        self.make(MEMORY, memory_limit_in_bytes=OLD)

    def hang_at(self, value):
        return self.slow.setdefault(value, threading.Event())

    def write(self, path, text):
        if path.endswith("limit_in_bytes") and text in self.slow:
            assert self.slow[text].wait(20)
        super().write(path, text)


class Scene:
    """An agent's gate, journal and lease, and a clock that is set."""

    def __init__(self, folder):
        self.kernel, self.time = SlowKernel(), 1000.0
        self.hold = Hold(str(folder / "hold"))
        self.path = str(folder / "journal")
        self.start()

    def clock(self):
        return self.time

    def expires(self):
        return self.time + LEASE

    def open(self):
        return Journal(
            self.path, now=self.clock, monotonic=self.clock, lease=LEASE, boot="b", hold=self.hold
        )

    def start(self):
        self.journal = self.open()
        self.journal.open()
        slow = frozenset({"memory_max"})
        self.gate = Gate(
            self.kernel, self.journal, "test", self.expires, slow, SlowWrites(deadline=0.05)
        )
        self.lease = Lease(
            *(self.journal, self.kernel, self.gate, self.hold, self.expires, self.clock),
            patience=Patience(deadline=0.05),
        )

    def change(self, path=SHARES, new="2", kind="cpu_shares"):
        folder = os.path.dirname(path)
        write = Write(
            path, self.kernel.read(path), new, "t", kind, (folder, self.kernel.inode(folder))
        )
        return self.gate.apply([write])

    def limit(self):
        return self.change(LIMIT, NEW, "memory_max")

    def checked_until(self, condition, *, asked=()):
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.005)
            self.lease.check(asked)


@pytest.fixture
def scene(tmp_path):
    scene = Scene(tmp_path)
    yield scene
    for event in scene.kernel.slow.values():
        event.set()
    scene.gate.close(5.0)
    scene.journal.close()


def paths(entries):
    return [entry.path for entry in entries]


class TestAWriteThatIsStillToCome:
    """The kernel has not finished it when values are given back: it is undone when it has come."""

    @pytest.fixture
    def finish(self, scene):
        finish = scene.kernel.hang_at(NEW)
        (reason,) = scene.limit().values()
        assert reason == "the kernel has not finished it in time"
        return finish

    def test_under_hold(self, scene, finish):
        scene.hold.put()
        assert scene.lease.check([]) == HELD
        assert paths(scene.journal.entries()) == [LIMIT]
        finish.set()
        scene.checked_until(lambda: not scene.journal.entries())
        assert scene.kernel.files[LIMIT] == OLD

    def test_when_the_hold_is_released_before_it_comes(self, scene, finish):
        scene.hold.put()
        scene.lease.check([])
        scene.hold.remove()
        scene.lease.check([])
        finish.set()
        scene.checked_until(lambda: not scene.journal.entries())
        assert scene.kernel.files[LIMIT] == OLD

    def test_without_an_answer(self, scene, finish):
        scene.time += LEASE
        scene.lease.check(None)
        finish.set()
        scene.checked_until(lambda: not scene.journal.entries())
        assert scene.kernel.files[LIMIT] == OLD

    def test_at_the_end_it_is_waited_for(self, scene, finish):
        threading.Timer(0.1, finish.set).start()
        scene.lease.close(1e9)  # of a clock that stands still
        assert (scene.kernel.files[LIMIT], scene.lease.left()) == (OLD, "")

    def test_what_does_not_come_before_the_end_is_told_and_left_to_the_next_start(
        self, scene, finish
    ):
        scene.lease.close(0.0)
        assert scene.lease.left() == (
            f"1 files could not be given back in time, such as {LIMIT}: the guardian does it, or "
            "the next start, or wca undo"
        )
        finish.set()
        scene.gate.close(5.0)
        assert scene.kernel.files[LIMIT] == NEW
        scene.start()
        scene.lease.start()
        assert (scene.kernel.files[LIMIT], scene.journal.entries()) == (OLD, [])

    def test_a_signal_that_ends_the_waiting_does_not_make_it_forgotten(self, scene, monkeypatch):
        finish = scene.kernel.hang_at(NEW)
        wait_for = threading.Condition.wait_for

        def interrupted(condition, predicate, timeout=None):
            if timeout is None:  # the thread's own
                return wait_for(condition, predicate)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(threading.Condition, "wait_for", interrupted)
            with pytest.raises(KeyboardInterrupt):
                scene.limit()
        threading.Timer(0.1, finish.set).start()
        scene.lease.close(1e9)
        assert (scene.kernel.files[LIMIT], scene.lease.left()) == (OLD, "")


class TestTheEnd:
    def test_one_that_was_interrupted_goes_on_when_it_is_closed_again(self, scene):
        scene.kernel.make(f"{FOLDER}/two", cpu_shares="1024")
        other = f"{FOLDER}/two/cpu.shares"
        scene.change()
        scene.change(other)
        write = scene.kernel.write

        def interrupted(path, text):
            if path == SHARES:
                raise KeyboardInterrupt
            write(path, text)

        scene.kernel.write = interrupted
        with pytest.raises(KeyboardInterrupt):
            scene.lease.close(0.8)
        assert (scene.kernel.files[other], scene.kernel.files[SHARES]) == ("1024", "2")
        assert scene.lease.left().startswith(
            f"1 files could not be given back in time, such as {SHARES}"
        )
        scene.kernel.write = write
        scene.lease.close(0.02)
        assert (scene.kernel.files[SHARES], scene.lease.left()) == ("1024", "")

    def test_quick_files_do_not_wait_for_slow_ones(self, scene):
        scene.change()
        assert scene.limit() == {}
        finish = scene.kernel.hang_at(OLD)
        scene.lease.close(0.0)
        assert (scene.kernel.files[SHARES], scene.kernel.files[LIMIT]) == ("1024", NEW)
        assert LIMIT in scene.lease.left()
        finish.set()

    def test_a_slow_one_is_waited_for(self, scene):
        scene.limit()
        threading.Timer(0.1, scene.kernel.hang_at(OLD).set).start()
        scene.lease.close(1e9)
        assert (scene.kernel.files[LIMIT], scene.lease.left()) == (OLD, "")


class TestWhatCannotBeUndone:
    def test_what_is_left_of_the_agent_before_is_tried_in_each_interval_and_not_renewed(
        self, scene
    ):
        scene.change()
        scene.journal.close()
        scene.kernel.refused.add(SHARES)
        scene.start()
        scene.lease.start()
        for _ in range(3):
            scene.time += LEASE / 2
            scene.lease.check([])
        (entry,) = scene.journal.entries()
        assert entry.expires < scene.time, "a guardian would undo it"
        scene.kernel.refused.clear()
        scene.lease.check([])
        assert (scene.kernel.files[SHARES], scene.journal.entries()) == ("1024", [])

    def test_what_is_wanted_anew_has_a_lease_again(self, scene):
        scene.change()
        scene.kernel.refused.add(SHARES)
        scene.hold.put()
        scene.lease.check([])
        scene.hold.remove()
        scene.kernel.refused.clear()
        scene.change(new="5")
        scene.time += LEASE / 2
        scene.lease.check([])
        (entry,) = scene.journal.entries()
        assert (entry.original, entry.expires) == ("1024", scene.expires())
        assert scene.kernel.files[SHARES] == "5"

    def test_it_is_told_once(self, scene, caplog):
        scene.change()
        scene.kernel.refused.add(SHARES)
        scene.hold.put()
        for _ in range(3):
            scene.lease.check([])
        assert [record.message for record in caplog.records] == [
            f"undo: {SHARES}: failed (Invalid argument)"
        ]


class TestSlowUndo:
    def test_it_neither_stops_the_loop_nor_keeps_the_journal_locked(self, scene):
        scene.change()
        scene.limit()
        finish = scene.kernel.hang_at(OLD)
        scene.hold.put()
        assert scene.lease.check([]) == HELD
        assert scene.kernel.files[SHARES] == "1024"
        with open(scene.path) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        scene.hold.remove()
        assert scene.lease.check([]) == UNDOING, "nothing is written meanwhile"
        finish.set()
        scene.checked_until(lambda: not scene.journal.entries())
        assert (scene.kernel.files[LIMIT], scene.lease.undone) == (OLD, 2)
        assert scene.lease.check([]) == ""

    def test_many_that_hang_take_no_more_than_some_threads_and_one_deadline(self):
        patience, go, begun = Patience(deadline=0.02), threading.Event(), threading.active_count()

        class Files:
            def write(self, path, text):
                go.wait(20)

        files, numbers = patience.of(Files()), []
        for number in range(20):
            with pytest.raises(OSError) as raised:  # noqa: PT011 - its number is looked at
                files.write(f"/cg/{number}/memory.max", "max")
            numbers.append(raised.value.errno)
        assert numbers == [errno.EINPROGRESS] * 8 + [errno.EAGAIN] * 12
        assert threading.active_count() <= begun + 8
        go.set()
        while patience.busy:
            time.sleep(0.005)
        Patience(deadline=20).of(Files()).write("/cg/1/memory.max", "max")

    def test_an_error_of_the_kernel_is_raised(self):
        class Files:
            def write(self, path, text):
                raise OSError(errno.EBUSY, "busy")

        with pytest.raises(OSError, match="busy"):
            Patience(deadline=5).of(Files()).write("/cg/memory.max", "1")


def test_what_came_back_by_itself_does_not_count_as_given_back(scene):
    scene.change()
    scene.kernel.change(SHARES, "1024")
    scene.hold.put()
    scene.lease.check([])
    assert (scene.journal.entries(), scene.lease.undone) == ([], 0)


def test_only_one_wait_for_a_lock_that_another_process_keeps(scene, monkeypatch):
    perform(scene.journal, scene.kernel, scene.kernel.write_of(SHARES, "2"), scene.expires())
    waits = []
    monkeypatch.setattr("wca.allocations.journal_file.time.sleep", waits.append)
    with open(scene.path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for _ in range(4):
            assert scene.lease.count == 1
        assert sum(waits) < 1.5
    assert scene.lease.count == 1


def test_what_was_done_to_groups_that_are_gone_leaves_the_journal(scene):
    for number in range(50):
        scene.kernel.make(f"{FOLDER}/{number}", cpu_shares="1024")
        scene.change(f"{FOLDER}/{number}/cpu.shares")
        scene.kernel.remove(f"{FOLDER}/{number}")
        scene.lease.check([])
        assert scene.lease.count <= 2
    scene.lease.check([])
    assert (scene.journal.entries(), scene.lease.undone) == ([], 0)


def test_a_group_that_cannot_be_seen_for_one_look_is_not_gone(scene):
    scene.change()
    inode = scene.kernel.inodes.pop(f"{FOLDER}/one")
    scene.lease.check([])
    scene.kernel.inodes[f"{FOLDER}/one"] = inode
    for _ in range(3):
        scene.lease.check([])
    assert scene.lease.count == 1
