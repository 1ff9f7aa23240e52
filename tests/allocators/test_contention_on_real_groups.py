"""ContentionAllocator on the real kernel, with processes that disturb each other on one CPU."""

import json
import os

import pytest

from tests.cgroup_fixtures import RealCgroups, need_root
from tests.services import missing
from wca.allocations.envelope import Envelope
from wca.allocators import ContentionAllocator, Tiers
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
    """Says from the sixth interval on that somebody waits for a CPU; looks at the kernel itself."""

    def __init__(self, groups, accused, suspects):
        self.groups, self.accused, self.suspects = groups, accused, suspects
        self.seen = []
        self.count = 0

    def detect(self, platform, tasks_data):
        self.count += 1
        self.seen.append({name: shares(self.groups, name) for name in NAMES})
        if self.count < 6 or "web" not in tasks_data:
            return [], []
        return [
            ContentionAnomaly(
                ContendedResource.CPUS,
                "web",
                self.accused,
                verdict=Verdict.CPU_NEIGHBOUR,
                evidence=Evidence({}, {}, 5 * INTERVAL),
                suspects=[Suspect(one, 0.9, 0.9) for one in self.suspects],
            )
        ], []


class Tasks(Node):
    def __init__(self, groups):
        self.groups = groups

    def get_tasks(self):
        return [Task(name, name, f"{self.groups.parent}/{name}", {"app": name}) for name in NAMES]


def shares(groups, name):
    return int(groups.locate(f"{groups.parent}/{name}").read("cpu", "cpu.shares"))


@pytest.fixture
def groups():
    need_root()
    if (os.cpu_count() or 1) < 2:
        missing("two CPUs")
    groups = RealCgroups()
    try:
        if groups.hierarchies.version("cpu") != 1:
            missing("cgroup v1 is not mounted")
        for name, cpu, pause in (("web", 0, 0.01), ("guilty", 0, 0), ("decoy", 1, 0)):
            worker = groups.worker(groups.make(name))
            worker.do(THREAD.format(WORKS.format(cpu=cpu, pause=pause)))
        yield groups
    finally:
        groups.close()


def run(groups, detector, tmp_path, intervals, **options):
    storage = RecordingStorage()
    tiers = Tiers(latency_critical={"app": "web"}, best_effort={"app": "guilty|decoy"})
    runner = AllocationRunner(
        node=Tasks(groups),
        interval=INTERVAL,
        sched=True,
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
    assert runner.run() == 0
    assert {name: shares(groups, name) for name in NAMES} == dict.fromkeys(NAMES, 1024)
    return storage.batches


def test_the_neighbour_gets_the_lowest_weight_its_effect_is_told_and_all_is_given_back(
    groups, tmp_path
):
    detector = Accuses(groups, ["guilty"], ["guilty"])
    batches = run(groups, detector, tmp_path, 14)
    assert detector.seen[6]["guilty"] == 2, "an interval after it was accused"
    assert all(one["web"] == one["decoy"] == 1024 for one in detector.seen)
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
    detector = Accuses(groups, [], ["decoy", "guilty"])
    run(groups, detector, tmp_path, 26, verify=True)
    tested = detector.seen[6:22]
    for name in ("guilty", "decoy"):
        # Half of the test, but for what an interval that came late takes to the next.
        assert 7 <= sum(one[name] == 2 for one in tested) <= 9
    assert [one["guilty"] == 2 for one in tested] != [one["decoy"] == 2 for one in tested]
    # Where the machine is busy otherwise the test abstains, and both may be acted on, as without.
    if detector.seen[-1]["decoy"] == 2:
        assert detector.seen[-1]["guilty"] == 2
