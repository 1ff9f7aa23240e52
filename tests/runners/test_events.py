"""Events in a run: recorded, counted, refused by default, not undone, and not done twice."""

import json

import pytest

from wca.allocations.envelope import Envelope
from wca.allocations.files import KernelFiles
from wca.allocators import AllocationType, Allocator
from wca.nodes import Node, Task
from wca.runners import AllocationRunner
from wca.testing.clock import FakeClock
from wca.testing.kernel import KernelTree
from wca.testing.storage import RecordingStorage

T = AllocationType


class Answers(Allocator):
    decides = False

    def __init__(self, *answers):
        self.answers = [*answers]

    def allocate(self, platform, tasks_data):
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer, [], []


class OneTask(Node):
    def get_tasks(self):
        return [Task("batch", "batch", "/batch", {"app": "batch"})]


class Noting(KernelFiles):
    def __init__(self, tree):
        super().__init__(tree.root)
        self.written = []

    def write(self, path, text):
        self.written.append((path.rpartition("/")[2], text))
        super().write(path, text)


@pytest.fixture
def tree(tmp_path):
    tree = KernelTree(tmp_path / "root", layout="v2")
    tree.add_task("/batch")
    for name in ("memory.reclaim", "cgroup.kill"):
        tree.write(f"{tree.groups('/batch')['v2']}/{name}", "")
    return tree


@pytest.fixture
def run(tree, tmp_path):
    """run(answers, **options): the batches, the records, and what was written to the kernel."""

    def run(*answers, **options):
        storage, files = RecordingStorage(), Noting(tree)
        runner = AllocationRunner(
            **{
                "allocator": Answers(*answers),
                "act": True,
                "node": OneTask(),
                "clock": FakeClock(),
                "hold": f"{tree.root}/hold",
                "journal": f"{tree.root}/journal",
                "kernel": tree.kernel,
                "files": files,
                "records": str(tmp_path / "records"),
                **dict.fromkeys(
                    ("metrics_storage", "anomalies_storage", "allocations_storage"), storage
                ),
                **options,
            }
        )
        runner.stop_after(len(answers))
        assert runner.run() == 0
        lines = [json.loads(line) for line in (tmp_path / "records").read_text().splitlines()]
        return storage.batches, lines, files.written

    return run


def value(batch, name, **labels):
    (found,) = [m.value for m in batch if m.name == name and labels.items() <= m.labels.items()]
    return found


RECLAIM = {"batch": {T.MEMORY_RECLAIM: 1 << 20}}
KILL = {"batch": {T.KILL: "it eats all memory"}}


def test_what_was_done_is_counted_and_recorded_and_cannot_be_undone(run):
    batches, records, written = run(RECLAIM, RECLAIM, {})
    assert written == [("memory.reclaim", str(1 << 20))] * 2
    assert [value(batch, "allocations_count") for batch in batches] == [1, 1, 0]
    assert value(batches[2], "allocations_total") == 2
    assert value(batches[0], "allocations_in_force") == 0
    assert value(batches[0], "allocation_requests", outcome="applied") == 1
    first, second = records
    assert (first["allocation_type"], first["to"], first["outcome"]) == (
        "memory_reclaim",
        1 << 20,
        "applied",
    )
    assert second["time"] > first["time"], "each has its record"


def test_a_kill_is_refused_unless_the_file_allows_some(run):
    batches, records, written = run(KILL)
    assert written == []
    assert value(batches[0], "allocation_requests", clause="events_per_hour") == 1
    (record,) = records
    assert (record["to"], record["outcome"], record["reason"]) == (
        "it eats all memory",
        "rejected",
        "events_per_hour",
    )


def test_an_interval_without_an_answer_makes_nothing_new_of_what_was_done(run, tree):
    tree.write(f"{tree.groups('/batch')['v2']}/cgroup.procs", "")
    envelope = Envelope(events_per_hour={"kill": 9})
    batches, _, _ = run(KILL, ValueError("broken"), KILL, {}, KILL, envelope=envelope)
    assert [value(batch, "allocations_count") for batch in batches] == [1, 0, 0, 0, 1]


def test_nothing_is_done_without_act_or_while_it_is_held(run, tree):
    batches, _, written = run(RECLAIM, act=False)
    assert value(batches[0], "allocation_requests", outcome="would") == 1
    tree.write("/hold", "")
    batches, _, more = run(RECLAIM)
    assert value(batches[0], "allocation_requests", clause="hold") == 1
    assert written == more == []
