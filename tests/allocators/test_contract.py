"""The contract suite, applied to our own allocators, and to some that break it."""

import pytest

from wca.allocators import (
    AllocationType,
    Allocator,
    ContentionAllocator,
    MemoryReclaimAllocator,
    NOPAllocator,
    NUMAAllocator,
    OOMAllocator,
    StaticAllocator,
    SuppressAllocator,
    Tiers,
)
from wca.detectors import (
    AnomalyDetector,
    ContendedResource,
    ContentionAnomaly,
    InterferenceDetector,
    Suspect,
)
from wca.detectors.interfering.verdicts import Verdict
from wca.testing import AllocatorContract


class TestNOPAllocator(AllocatorContract):
    def make(self):
        return NOPAllocator()


class TestMemoryReclaimAllocator(AllocatorContract):
    def make(self):
        return MemoryReclaimAllocator(Tiers(best_effort={"task_name": ".*"}), least=4096)


class TestMemoryReclaimAllocatorWithLimits(AllocatorContract):
    def make(self):
        tiers = Tiers(best_effort={"task_name": ".*"})
        return MemoryReclaimAllocator(tiers, by="memory_high", pressure=0.5, least=4096)


class TestOOMAllocator(AllocatorContract):
    def make(self):
        victims = {"task_name": "batch"}
        rule = {"pressure_above": 0.0, "lasting": 5, "victims": victims, "least": 1}
        return OOMAllocator([rule, {**rule, "name": "low", "available_below": 1.0}])


class TestStaticAllocator(AllocatorContract):
    def make(self):
        return StaticAllocator(
            rules=[
                {"allocations": {"cpu_quota": 0.5, "cpuset_cpus": [0], "memory_max": 1 << 30}},
                {"task_id": "web", "allocations": {"cpu_weight": 1000}},
                {"labels": {"task_name": "bat"}, "allocations": {"cpu_idle": 1}},
            ]
        )


class Accuses(AnomalyDetector):
    """Everybody, of everything, in turn."""

    def __init__(self):
        self.count = 0

    def detect(self, platform, tasks_data):
        self.count += 1
        verdict = [*Verdict, None][self.count // 6 % (len(Verdict) + 1)]
        return [
            ContentionAnomaly(
                ContendedResource.CPUS,
                victim,
                [one for one in tasks_data if one != victim][: self.count % 2],
                verdict=verdict,
                suspects=[Suspect(one, 0.5, 0.5) for one in tasks_data if one != victim],
            )
            for victim in tasks_data
        ], []


class TestContentionAllocator(AllocatorContract):
    def make(self):
        return ContentionAllocator(Accuses(), unlabelled=True, idle=True)


class TestContentionAllocatorWithItsDetector(AllocatorContract):
    def make(self):
        return ContentionAllocator(InterferenceDetector(samples=10), unlabelled=True)


class TestNUMAAllocator(AllocatorContract):
    def make(self):
        return NUMAAllocator(algorithm="minimize_migration", cgroups_memory_binding=True)

    def history(self):
        history = super().history()
        for platform, tasks in history:
            platform.numa_nodes, platform.node_cpus = 2, {0: {0}, 1: {1}}
            free = dict.fromkeys("01", 64 << 30)
            platform.measurements["platform_mem_numa_free_bytes"] = free
            for task in tasks.values():
                task.measurements["task_mem_numa_pages"] = {"0": 5, "1": 7}
        return history


class TestSuppressAllocator(AllocatorContract):
    def make(self):
        tiers = Tiers(latency_critical={"task_name": "web"}, best_effort={"task_name": "batch"})
        return SuppressAllocator(tiers, pressure=0.001)


class TestOlderAllocator(AllocatorContract):
    class Older(Allocator):
        def allocate(
            self, platform, tasks_measurements, tasks_resources, tasks_labels, tasks_allocations
        ):
            half = {AllocationType.QUOTA: 0.5}
            return {task_id: dict(half) for task_id in tasks_measurements}, [], []

    def make(self):
        return self.Older()


def breaking(allocate):
    class Breaking(Allocator):
        def __init__(self):
            self.count = 0

    Breaking.allocate = allocate
    Breaking.__abstractmethods__ = frozenset()

    class Suite(AllocatorContract):
        def make(self):
            return Breaking()

    return Suite()


def changes(self, platform, tasks):
    for task in tasks.values():
        task.labels["seen"] = "yes"
    return {}, [], []


BREAKING = [
    (lambda self, platform, tasks: ({"gone": {}}, [], []), "test_its_answers_make_sense"),
    (
        lambda self, platform, tasks: ({key: {"cpu_quota": 7} for key in tasks}, [], []),
        "test_its_answers_make_sense",
    ),
    (lambda self, platform, tasks: ({}, []), "test_its_answers_make_sense"),
    (changes, "test_it_changes_nothing_of_what_it_is_shown"),
    (
        lambda self, platform, tasks: ({}, [], [tasks["web"].measurements["task_up"]][:0]),
        "test_it_bears_what_is_missing",
    ),
    (lambda self, platform: ({}, [], []), "test_it_can_be_called_and_its_abilities_too"),
]


@pytest.mark.parametrize(("allocate", "test"), BREAKING)
def test_the_suite_notices(allocate, test):
    with pytest.raises((AssertionError, KeyError, ValueError)):
        getattr(breaking(allocate), test)()
