"""Everything between an allocator and the kernel, against a small model: whatever is asked for, and
whatever else happens, no bound is left, nobody else's value is touched, and undo is identity.

The model is a second kernel in which the agent does not exist: only others write there. What the
agent may do is in the constants below, in the units of the kernel, and in ``Bounds``.
"""

import contextlib
import errno
import os
import shutil
import tempfile
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.allocations.acting import Acting
from tests.allocations.kernel_stand_in import Kernel, Times
from wca.allocations.encoding import period_of
from wca.allocations.envelope import Envelope
from wca.allocations.journal import Journal, recover
from wca.allocations.ownership import YIELD_FOR
from wca.allocations.results import Outcome
from wca.allocators import AllocationType
from wca.detectors.api import TaskData

ROOT = "/sys/fs/cgroup"
LEASE = 20.0
CPUS = 4
MEBIBYTE = 1048576
#: The bounds, in the kernel's units.
LEAST = {"pids.max": 8, "memory.limit_in_bytes": 16 * MEBIBYTE, "cpu.cfs_quota_us": 0.01}
MOST = {"pids.max": 1000}
STEP, SHRINK_PAUSE, GROW_PAUSE, DECISIONS, DAY = 0.5, 10.0, 60.5, 12, 86400.0
#: Shares are weights to the envelope where a weight was asked for, which is coarser.
COARSE = {"cpu.shares": 31, "pids.max": 1, "cpu.cfs_quota_us": 1e-9}

FILES = {
    "cpu": {
        "cpu.shares": "1024",
        "cpu.idle": "0",
        "cpu.cfs_period_us": "100000",
        "cpu.cfs_quota_us": "-1",
    },
    "memory": {"memory.limit_in_bytes": "9223372036854771712"},
    "pids": {"pids.max": "max"},
    "cpuset": {"cpuset.cpus": "0-3"},
}
OWN = {
    "/a": {"cpu.shares": "700", "cpu.cfs_quota_us": "200000", "cpu.cfs_period_us": "50000"},
    "/b": {"cpu.cfs_quota_us": "120000", "pids.max": "100"},
    "/safe": {"memory.limit_in_bytes": str(64 * MEBIBYTE)},
}
PATHS = {"a": "/a", "inner": "/a/inner", "b": "/b", "safe": "/safe"}
NONSENSE = [float("nan"), float("inf"), -1, "x", "", None, [], [-1], {}, 1e30, "0-99", 2**70]
VALUES = {
    "cpu_quota": [0.001, 0.05, 0.1, 0.11, 0.2, 0.25, 0.5, 0.75, 1.0],
    "cpu_shares": [0.002, 0.3, 0.351, 0.501, 0.7, 1.001, 1.025, 5],
    "cpu_weight": [1, 10, 60, 100, 1000],
    "cpu_idle": [0, 1],
    "memory_max": [MEBIBYTE, 16 * MEBIBYTE, 17 * MEBIBYTE, 20 * MEBIBYTE + 1, 64 * MEBIBYTE, "max"],
    "pids_max": [4, 8, 9, 51, 101, 999, 2001, "max"],
    "cpuset_cpus": [[0], [0, 1], "0-2", "0-3"],
    "unknown": [1],
    "rdt": [{"l3": "L3:0=f"}],
    "memory_high": [MEBIBYTE],
}
ALLOCATIONS = st.dictionaries(
    st.sampled_from(sorted(VALUES)), st.integers(0, 2 * len(NONSENSE) - 1), max_size=4
).map(lambda chosen: {name: value_of(name, place) for name, place in chosen.items()})
ACTORS = st.sampled_from(["a", "inner", "b", "b", "safe"])
TYPES = st.sampled_from(list(VALUES)[:7])
SENSIBLE = st.dictionaries(
    ACTORS,
    st.dictionaries(TYPES, st.integers(0, 7), min_size=1, max_size=3).map(
        lambda chosen: {name: VALUES[name][n % len(VALUES[name])] for name, n in chosen.items()}
    ),
    min_size=1,
    max_size=2,
)
ANSWERS = st.dictionaries(st.sampled_from([*PATHS, "ghost"]), ALLOCATIONS, max_size=4)
#: What others write, and the agent never asks for.
THEIRS = {
    "cpu.shares": ["402", "2048"],
    "pids.max": ["202", "44"],
    "memory.limit_in_bytes": [str(33 * MEBIBYTE), str(12 * MEBIBYTE)],
    "cpuset.cpus": ["1", "2-3"],
}


def value_of(name, place):
    """Mostly what makes sense."""
    known = VALUES[name]
    return NONSENSE[place] if place < len(NONSENSE) // 2 else known[place % len(known)]


def name_of(path):
    return os.path.basename(path)


class Killed(BaseException):
    """What SIGKILL does to a process, for one that lives on to be tested."""


class Node(Kernel):
    """Groups of cgroup v1 with the kernel's rules for quotas, sizes and shares, and with faults."""

    def __init__(self):
        super().__init__()
        self.faults = {}
        self.kill_at = None

    def appear(self, path):
        for controller, files in FILES.items():
            folder = f"{ROOT}/{controller}{path}"
            self.make(folder)
            for name, value in files.items():
                self.files[f"{folder}/{name}"] = OWN.get(path, {}).get(name, value)

    def vanish(self, path):
        for folder in [one for one in self.inodes if f"{one}/".find(f"{path}/") > 0]:
            self.remove(folder)

    def write(self, path, text):
        """A write of the agent's; it is killed before or after the one that ``kill_at`` counts."""
        if self.kill_at is not None:
            number, after = self.kill_at
            self.kill_at = (number - 1, after)
            if number == 0:
                if after:
                    super().write(path, text)
                raise Killed
        super().write(path, text)

    def change(self, path, text):
        if path in self.faults:
            raise OSError(self.faults[path], os.strerror(self.faults[path]), path)
        before = self.read(path)
        super().change(path, self._as_kept(name_of(path), text))
        if name_of(path).startswith("cpu.cfs") and not self._schedulable():
            self.files[path] = before
            raise OSError(errno.EINVAL, "Invalid argument", path)

    def _as_kept(self, name, text):
        if name == "cpu.shares":
            return str(min(262144, max(2, int(text))))
        if name == "memory.limit_in_bytes":
            return str(int(text) // 4096 * 4096)
        return text

    def _schedulable(self):
        inner, outer = (self.share(f"{ROOT}/cpu{PATHS[one]}") for one in ("inner", "a"))
        return inner is None or outer is None or inner <= outer

    def share(self, folder):
        """Of all CPUs; None without a limit or a group."""
        quota = self.files.get(f"{folder}/cpu.cfs_quota_us", "-1")
        if quota == "-1":
            return None
        return int(quota) / int(self.files[f"{folder}/cpu.cfs_period_us"]) / CPUS

    def amount(self, path):
        """What a file grants, as a number; None without a limit, or where that is no question."""
        if name_of(path) == "cpu.cfs_quota_us":
            return self.share(os.path.dirname(path))
        text = "" if "cpuset" in path else self.files.get(path, "max")
        return float(text) if text.isdigit() and len(text) < 19 else None


class Located:
    """The groups of one path on a machine with cgroup v1 only."""

    def __init__(self, node, path):
        self.node, self.path = node, path

    def version(self, controller):
        return 1 if controller in FILES else None

    def directory(self, controller):
        folder = f"{ROOT}/{controller}{self.path}"
        return folder if folder in self.node.inodes else None

    def appeared(self):
        return True


class AtOnce:
    """Slow writes that are not slow: a thread would not be killed with the rest of the test."""

    busy = False

    def do(self, action):
        action()
        return True

    def close(self, timeout):
        pass


class Bounds:
    """What one agent may do, from what was seen of it."""

    def __init__(self):
        self.last = {}
        self.decisions = []

    def keep(self, tasks):
        """A task that was gone for an interval is another one."""
        self.last = {key: time for key, time in self.last.items() if key[0] in tasks}

    def hold(self, results, before, node, alone, now):
        """Check one interval.

        ``before``: what every file granted; ``alone``: what is in the files without the agent.
        """
        decided = set()
        for one in results:
            if one.outcome is not Outcome.APPLIED:
                continue
            assert one.task_id != "safe", "a protected task was changed"
            if all(write.new == alone[write.path] for write in one.writes):
                continue  # given back: that is never refused
            decided.add(one.task_id)
            grew = [self.check_file(write, before, node, alone) for write in one.writes]
            since = now - self.last.get((one.task_id, one.type), -DAY)
            assert since >= (GROW_PAUSE if any(grew) else SHRINK_PAUSE), (one, since)
            self.last[one.task_id, one.type] = now
        self.decisions += [now] * len(decided)
        assert len([time for time in self.decisions if time > now - DAY]) <= DECISIONS

    def check_file(self, write, before, node, alone):
        """Whether the task has more now."""
        name, after = name_of(write.path), node.amount(write.path)
        old = before.get(write.path)
        if write.implied or name in ("cpu.idle", "cpu.cfs_period_us") or after is None:
            return False
        if write.new != alone[write.path]:
            assert LEAST.get(name, 0) <= after <= MOST.get(name, after), write
        if old is not None:
            assert abs(after - old) <= STEP * old + COARSE.get(name, 0), write
        return old is not None and after > old and name != "cpu.shares"


class GateMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = tempfile.mkdtemp(prefix="wca-gate-")
        self.times = Times()
        self.kernel, self.alone = Node(), Node()
        self.tasks = {}
        self.foreign = {}  # what was there before the agent, of files that others have written since
        self.agent = self.bounds = None
        for task_id in PATHS:
            self.appear(task_id)
        self.guardian = self.journal()
        self.start()

    def journal(self):
        times = self.times
        return Journal(
            f"{self.folder}/journal",
            now=times.now,
            monotonic=times.monotonic,
            lease=LEASE,
            boot="b",
        )

    def start(self, *, whole=False):
        journal = self.journal()
        journal.open()
        recover(journal, self.kernel, self.times.now())
        envelope = Envelope(
            protected={"tier": "safe"},
            maximums={"pids_max": 1000},
            shrink_step=STEP,
            grow_step=STEP,
            shrink_pause=SHRINK_PAUSE,
            grow_pause=GROW_PAUSE,
            decisions_per_day=DECISIONS,
        )
        self.agent = Acting(
            lambda path: Located(self.kernel, path),
            cpus=CPUS,
            files=self.kernel,
            journal=journal,
            envelope=envelope,
            slow=AtOnce(),
            expires=lambda: self.times.now() + LEASE,
            decides=True,
            all_or_nothing=whole,
        )
        self.bounds = Bounds()
        self.foreign = {}

    def appear(self, task_id):
        labels = {"task_id": task_id, "tier": "safe" if task_id == "safe" else "other"}
        self.tasks[task_id] = TaskData(task_id, task_id, PATHS[task_id], labels)
        for node in (self.kernel, self.alone):
            node.appear(PATHS[task_id])

    def die(self):
        self.agent.gate.close(0)
        self.agent.journal.close()
        self.agent, self.kernel.kill_at = None, None

    # -- the agent

    @precondition(lambda self: self.agent)
    @rule(answer=ANSWERS, held=st.sampled_from(["", "hold"]))
    def answer(self, answer, held):
        self.interval(answer, held)

    @precondition(lambda self: self.agent)
    @rule(answers=st.lists(SENSIBLE, max_size=4), pause=st.sampled_from([5.0, 10.2, 61.0]))
    def answer_for_a_while(self, answers, pause):
        for answer in answers:
            self.interval(answer)
            self.times.go(pause)

    @precondition(lambda self: self.agent)
    @rule(
        task_id=ACTORS,
        name=TYPES,
        values=st.lists(st.integers(0, 7), min_size=2, max_size=4),
        pause=st.sampled_from([5.0, 10.2, 61.0]),
    )
    def answer_the_same_otherwise(self, task_id, name, values, pause):
        for n in values:
            self.interval({task_id: {name: VALUES[name][n % len(VALUES[name])]}})
            self.times.go(pause)

    @precondition(lambda self: self.agent)
    @rule(answer=SENSIBLE, number=st.integers(0, 3), after=st.booleans())
    def die_while_writing(self, answer, number, after):
        self.kernel.kill_at = (number, after)
        with contextlib.suppress(Killed):
            self.interval(answer)
        self.die()

    @precondition(lambda self: not self.agent)
    @rule(whole=st.booleans())
    def start_again(self, whole):
        self.kernel.faults.clear()
        self.start(whole=whole)
        self.nothing_is_left()

    def interval(self, answer, held=""):
        agent = self.agent
        agent.tasks, agent.now = dict(self.tasks), self.times.steady
        agent.groups.keep([task.cgroup_path for task in self.tasks.values()])
        agent.journal.renew(self.times.now() + LEASE)
        before = {path: self.kernel.amount(path) for path in self.kernel.files}
        texts = dict(self.kernel.files)
        self.kernel.log.clear()
        results = agent.results(answer, held)
        assert len(results) == sum(map(len, answer.values()))
        self.bounds.keep(self.tasks)
        self.bounds.hold(results, before, self.kernel, self.alone.files, self.times.steady)
        self.told_as_it_is(results, texts)
        if held:
            assert self.kernel.log == []
        tried = [one for one in results if one.writes]
        if agent.policy.all_or_nothing and any(one.outcome is Outcome.FAILED for one in tried):
            assert self.kernel.files == texts

    def told_as_it_is(self, results, texts):
        """What was applied, or was there already, is there; and nothing has changed but that."""
        expected, groups = dict(texts), self.agent.groups
        for one in results:
            if one.outcome in (Outcome.APPLIED, Outcome.UNCHANGED):
                place = groups.place(self.tasks[one.task_id], AllocationType(one.type))
                there = groups.texts(place, place.folders[0])
                period = period_of(there) if one.type == "cpu_quota" else None
                machine = replace(groups.machine, period=period or groups.machine.period)
                asked = place.knob.encode(one.value, machine)
                # Values that are read as the same are the same, also without a limit.
                assert place.knob.decode(there, machine) == place.knob.decode(asked, machine), one
                expected |= {write.path: write.new for write in one.writes}
            if one.outcome is Outcome.APPLIED and one.type == "cpu_idle" and not one.value:
                shares = f"{place.folders[0]}/cpu.shares"  # by itself the default, or written
                expected[shares] = self.alone.files[shares]
        assert self.kernel.files == expected

    # -- everybody else

    @rule(
        task_id=st.sampled_from(sorted(PATHS)),
        name=st.sampled_from(sorted(THEIRS)),
        n=st.integers(0, 1),
    )
    def somebody_else_writes(self, task_id, name, n):
        self.write_as_others_do(f"{ROOT}/{name.partition('.')[0]}{PATHS[task_id]}/{name}", n)

    @rule(place=st.integers(0, 9), n=st.integers(0, 1))
    def somebody_else_writes_over_ours(self, place, n):
        ours = [
            path for path in self.kernel.files if self.is_ours(path) and name_of(path) in THEIRS
        ]
        if ours:
            self.write_as_others_do(ours[place % len(ours)], n)

    def is_ours(self, path):
        return self.kernel.files[path] != self.alone.files[path]

    def write_as_others_do(self, path, n):
        new = THEIRS[name_of(path)][n]
        hidden = self.kernel.files.get(f"{os.path.dirname(path)}/cpu.idle") == "1"
        if path not in self.kernel.files or path in self.kernel.faults or hidden:
            return
        if self.foreign.get(path, self.alone.files[path]) == new:
            self.foreign.pop(path, None)  # what was there before the agent is there again
        elif self.is_ours(path):
            self.foreign[path] = self.alone.files[path]
        for node in (self.kernel, self.alone):
            node.change(path, new)

    @rule(
        task_id=st.sampled_from(sorted(PATHS)),
        name=st.sampled_from(sorted({**THEIRS, "cpu.idle": "", "cpu.cfs_quota_us": ""})),
        number=st.sampled_from([errno.EINVAL, errno.EBUSY, errno.ENODEV, 0, 0]),
    )
    def the_kernel_refuses(self, task_id, name, number):
        if not number:
            self.kernel.faults.clear()
        else:
            controller = name.partition(".")[0]
            self.kernel.faults[f"{ROOT}/{controller}{PATHS[task_id]}/{name}"] = number

    @rule(task_id=st.sampled_from(sorted(PATHS)), again=st.booleans(), known=st.booleans())
    def a_group_vanishes(self, task_id, again, known):
        """Or is made anew; and the agent may not know yet."""
        gone = ["a", "inner"] if task_id == "a" else [task_id]
        for one in gone:
            for node in (self.kernel, self.alone):
                node.vanish(PATHS[one])
            self.foreign = {p: v for p, v in self.foreign.items() if f"{PATHS[one]}/" not in p}
            task = self.tasks.pop(one, None)
            if again and (one != "inner" or "a" in self.tasks):
                self.appear(one)
            elif task is not None and not known:
                self.tasks[one] = task

    @rule(seconds=st.sampled_from([1.0, 10.2, 61.0, 7200.0, 86401.0]))
    def time_goes_by(self, seconds):
        self.times.go(seconds)
        if seconds >= YIELD_FOR:
            self.foreign = {}  # the agent may write these files again

    @rule(seconds=st.sampled_from([-1e6, -10.0, 10.0, 1e6]))
    def somebody_sets_the_clock(self, seconds):
        self.times.wall += seconds

    @rule(only_expired=st.sampled_from([True, True, False]), faults=st.booleans())
    def guard(self, only_expired, faults):
        if not faults:
            self.kernel.faults.clear()
        now = self.times.now()
        entries = {entry.path: entry.expires for entry in self.guardian.entries()}
        due = all(not only_expired or expires <= now for expires in entries.values())
        for one in self.guardian.undo(self.kernel, only_expired=only_expired, now=now):
            if one.outcome == "foreign":
                self.foreign.pop(one.path, None)  # an agent that has not noticed never will
        if due and not faults:
            self.nothing_is_left()

    def nothing_is_left(self):
        assert self.kernel.files == self.alone.files
        there = [
            e for e in self.guardian.entries() if self.kernel.inode(e.cgroup[0]) == e.cgroup[1]
        ]
        assert there == []

    # -- always

    @invariant()
    def what_is_ours_is_in_the_journal(self):
        entries = {entry.path: entry for entry in self.guardian.entries()}
        for path, text in self.kernel.files.items():
            if text != self.alone.files[path]:
                assert path in entries, path
                assert entries[path].original == self.alone.files[path]

    @invariant()
    def what_others_have_written_is_theirs(self):
        for path in self.foreign:
            if self.agent:
                assert self.kernel.files[path] == self.alone.files[path], path

    def teardown(self):
        self.kernel.faults.clear()
        self.guardian.undo(self.kernel, only_expired=False, now=self.times.now())
        self.nothing_is_left()
        if self.agent:
            self.die()
        self.guardian.close()
        shutil.rmtree(self.folder)


GateMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
test_bounds_are_never_left_and_undo_is_identity = GateMachine.TestCase
