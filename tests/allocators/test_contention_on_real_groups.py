"""ContentionAllocator on the real kernel, with processes that disturb each other."""

import json
import os

import pytest

from tests.cgroup_fixtures import RealCgroups, need_root
from tests.services import missing
from wca.allocations.envelope import Envelope
from wca.allocators import ContentionAllocator, Tiers
from wca.collectors.task_cpu import TaskCpuCollector
from wca.collectors.task_io import TaskIoCollector
from wca.collectors.task_memory import TaskMemoryCollector
from wca.collectors.task_psi import TaskPsiCollector
from wca.detectors import (
    AnomalyDetector,
    ContendedResource,
    ContentionAnomaly,
    Evidence,
    Suspect,
)
from wca.detectors.interfering.verdicts import Verdict
from wca.nodes import Node, Task
from wca.runners import AllocationRunner
from wca.testing.storage import RecordingStorage

NAMES = ("web", "guilty", "decoy")
INTERVAL = 0.5
#: Works for some milliseconds again and again, or all the time; on one CPU.
THREAD = (
    "import threading; threading.Thread(target=lambda: exec({!r}, globals()), daemon=True).start()"
)
WORKS = """
import os, time
os.sched_setaffinity(0, {{{cpu}}})
while True:
    end = time.thread_time() + 0.004
    while time.thread_time() < end: pass
    time.sleep({pause})
"""


class Accuses(AnomalyDetector):
    """Says from the sixth interval on that somebody harms; looks at the kernel itself.

    Args:
        look: gives what is there of a task by its name.
        accused, suspects: names of tasks.
        verdict: what it says.
    """

    def __init__(self, look, accused, suspects, verdict=Verdict.CPU_NEIGHBOUR):
        self.look, self.accused, self.suspects = look, accused, suspects
        self.verdict = verdict
        self.seen = []
        self.count = 0

    def detect(self, platform, tasks_data):
        self.count += 1
        self.seen.append({name: self.look(name) for name in NAMES})
        if self.count < 6 or "web" not in tasks_data:
            return [], []
        return [
            ContentionAnomaly(
                ContendedResource.UNKN,
                "web",
                self.accused,
                verdict=self.verdict,
                evidence=Evidence({}, {}, 5 * INTERVAL),
                suspects=[Suspect(one, 0.9, 0.9) for one in self.suspects],
            )
        ], []


class Tasks(Node):
    def __init__(self, groups):
        self.groups = groups

    def get_tasks(self):
        return [Task(name, name, f"{self.groups.parent}/{name}", {"app": name}) for name in NAMES]


class Look:
    """What a file of the kernel says of a task."""

    def __init__(self, groups, controller, file):
        self.groups, self.controller, self.file = groups, controller, file

    def __call__(self, name):
        group = self.groups.locate(f"{self.groups.parent}/{name}")
        return group.read(self.controller, self.file).decode().strip()


@pytest.fixture
def real():
    """Groups of the tasks, with nobody in them yet."""
    need_root()
    if (os.cpu_count() or 1) < 2:
        missing("two CPUs")
    groups = RealCgroups()
    try:
        if groups.hierarchies.version("cpu") != 1:
            missing("cgroup v1 is not mounted")
        for name in NAMES:
            groups.make(name)
        yield groups
    finally:
        groups.close()


@pytest.fixture
def groups(real):
    for name, cpu, pause in (("web", 0, 0.01), ("guilty", 0, 0), ("decoy", 1, 0)):
        worker = real.worker(f"{real.parent}/{name}")
        worker.do(THREAD.format(WORKS.format(cpu=cpu, pause=pause)))
    return real


def run(groups, detector, tmp_path, intervals, measured=None, **options):
    storage = RecordingStorage()
    tiers = Tiers(latency_critical={"app": "web"}, best_effort={"app": "guilty|decoy"})
    runner = AllocationRunner(
        node=Tasks(groups),
        interval=INTERVAL,
        **(measured or {"sched": True}),
        act=True,
        allocator=ContentionAllocator(detector, tiers, **options),
        envelope=Envelope(shrink_pause=0.0, grow_pause=0.0, decisions_per_day=1000),
        hold=str(tmp_path / "hold"),
        journal=str(tmp_path / "journal"),
        records=str(tmp_path / "records"),
        metrics_storage=RecordingStorage(),
        anomalies_storage=RecordingStorage(),
        allocations_storage=storage,
    )
    runner.stop_after(intervals)
    before = {name: detector.look(name) for name in NAMES}
    assert runner.run() == 0
    assert {name: detector.look(name) for name in NAMES} == before
    return storage.batches


def test_the_neighbour_gets_the_lowest_weight_its_effect_is_told_and_all_is_given_back(
    groups, tmp_path
):
    detector = Accuses(Look(groups, "cpu", "cpu.shares"), ["guilty"], ["guilty"])
    batches = run(groups, detector, tmp_path, 14)
    assert detector.seen[6]["guilty"] == "2", "an interval after it was accused"
    assert all(one["web"] == one["decoy"] == "1024" for one in detector.seen)
    effects = [one for batch in batches for one in batch if one.name == "allocation_effect_ratio"]
    weight = [one for one in effects if one.labels["allocation_type"] == "cpu_shares"]
    assert weight, "by how much, nobody can say: what else runs here presses on the victim as well"
    assert {one.labels["task_id"] for one in effects} == {"guilty"}
    records = map(json.loads, (tmp_path / "records").read_text().splitlines())
    (first, *_) = [one for one in records if one["type"] == "allocation"]
    assert first["why"][0] == "cpu neighbour of web: lowest weight"


def test_suspects_are_held_back_by_their_codes_and_the_innocent_one_is_not_acted_on(
    groups, tmp_path
):
    look = Look(groups, "cpu", "cpu.shares")
    detector = Accuses(look, [], ["decoy", "guilty"])
    run(groups, detector, tmp_path, 26, verify=True)
    tested = detector.seen[6:22]
    for name in ("guilty", "decoy"):
        # Half of the test, but for what an interval that came late takes to the next.
        assert 7 <= sum(one[name] == "2" for one in tested) <= 9
    assert [one["guilty"] == "2" for one in tested] != [one["decoy"] == "2" for one in tested]
    # Where the machine is busy otherwise the test abstains, and both may be acted on, as without.
    if detector.seen[-1]["decoy"] == "2":
        assert detector.seen[-1]["guilty"] == "2"


# Levers that are no weight: limits that are learned from what the task does.

READS = """
import mmap, os, time
file = os.open({path!r}, os.O_RDONLY | {flags})
buffer = mmap.mmap(-1, {block})
while True:
    for place in range(0, {size}, {block}):
        os.preadv(file, [buffer], place)
        time.sleep({pause})
"""
MIB = 1 << 20


def reads(real, name, path, *, directly, block=MIB, pause=0):
    """Let a task read a file again and again."""
    flags = os.O_DIRECT if directly else 0
    size = os.stat(path).st_size
    program = READS.format(path=str(path), flags=flags, block=block, size=size, pause=pause)
    real.worker(f"{real.parent}/{name}").do(THREAD.format(program))


@pytest.fixture
def file(tmp_path):
    """On a block device: read past the page cache it is counted there."""
    path = tmp_path / "data"
    path.write_bytes(bytes(128 * MIB))
    with open(path) as data:
        os.fsync(data.fileno())
        os.posix_fadvise(data.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # whoever reads it has it
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_DIRECT))
    except OSError:
        pytest.skip("the file system of the temporary folder cannot read past the page cache")
    return path


def count_io(real, file):
    """On v1, Linux 6.10 counts only where there has been a limit: give each one it never meets."""
    device = os.stat(file).st_dev
    for name in NAMES:
        folder = real.locate(f"{real.parent}/{name}").directory("blkio")
        try:
            with open(f"{folder}/blkio.throttle.read_iops_device", "w") as limit:
                limit.write(f"{os.major(device)}:{os.minor(device)} {1 << 30}")
        except OSError:
            pytest.skip("the temporary folder is on no block device that can have a limit")


def measured():
    return {
        "collectors": [
            TaskCpuCollector(),
            TaskMemoryCollector(),
            TaskPsiCollector(),
            TaskIoCollector(per_device=True),
        ]
    }


def test_a_reader_that_disturbs_at_the_disk_gets_a_part_of_what_it_reads_there(
    real, file, tmp_path
):
    count_io(real, file)
    reads(real, "web", file, directly=True, block=4096, pause=0.001)
    reads(real, "guilty", file, directly=True, pause=0.001)
    look = Look(real, "blkio", "blkio.throttle.read_bps_device")
    detector = Accuses(look, ["guilty"], ["guilty"], Verdict.DISK)
    run(real, detector, tmp_path, 14, measured())
    limits = [int(one["guilty"].split()[1]) for one in detector.seen if one["guilty"]]
    assert limits, "nothing was done about it"
    assert limits == sorted(limits, reverse=True)
    assert not any(one["web"] or one["decoy"] for one in detector.seen)


def test_a_reader_that_displaces_the_page_cache_gets_a_limit_of_memory(real, file, tmp_path):
    reads(real, "web", file, directly=True, block=4096, pause=0.001)
    reads(real, "guilty", file, directly=False, pause=0.001)
    look = Look(real, "memory", "memory.limit_in_bytes")
    detector = Accuses(look, ["guilty"], ["guilty"], Verdict.CACHE_THRASH)
    run(real, detector, tmp_path, 14, measured())
    limits = [int(one["guilty"]) for one in detector.seen]
    assert limits[0] > 1 << 60
    assert 16 * MIB < min(limits) <= 40 * MIB, "a quarter of the 128 MB that it has, or less"
    assert all(one["web"] == one["decoy"] == detector.seen[0]["web"] for one in detector.seen)
