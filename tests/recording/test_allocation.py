"""A recording of an AllocationRunner has what was in force and what was asked for."""

import json

import pytest

from tests.runners.test_allocation import AsksAsPersonsDo, Tasks
from wca.allocations.files import KernelFiles
from wca.allocators import AllocationType, RDTAllocation, StaticAllocator
from wca.commands import replay as command
from wca.main import main
from wca.nodes import Task
from wca.recording import read_recording
from wca.recording.replay import answer_line, replay
from wca.runners import AllocationRunner
from wca.testing.clock import FakeClock
from wca.testing.kernel import KernelTree
from wca.testing.storage import RecordingStorage

T = AllocationType
RULES = [{"allocations": {"cpu_weight": 50, "cpuset_cpus": [0]}}]


@pytest.fixture
def record(tmp_path):
    def record(allocator, iterations=3):
        tree = KernelTree(tmp_path / "root", layout="v2")
        tree.add_task("/batch")
        path = str(tmp_path / "one.recording")
        runner = AllocationRunner(
            allocator=allocator,
            act=True,
            hold=str(tmp_path / "hold"),
            recording=path,
            node=Tasks(Task("batch", "batch", "/batch")),
            clock=FakeClock(),
            kernel=tree.kernel,
            files=KernelFiles(tree.root),
            metrics_storage=RecordingStorage(),
            anomalies_storage=RecordingStorage(),
            allocations_storage=RecordingStorage(),
        )
        runner.stop_after(iterations)
        assert runner.run() == 0
        return path

    return record


def test_it_has_what_was_in_force_and_what_was_asked_for(record):
    asked = {"batch": {T.CPU_WEIGHT: 50, T.RDT: RDTAllocation("x"), T.CPUSET_CPUS: [0]}}
    frames = list(read_recording(record(AsksAsPersonsDo(asked))))
    assert [frame.tasks["batch"].allocations[T.CPU_WEIGHT] for frame in frames] == [100, 50, 50]
    for frame in frames:
        assert frame.answer.kind == "allocation"
        assert frame.answer.allocations == {
            "batch": {
                "cpu_weight": 50,
                "rdt": {"name": "x", "l3": None, "mb": None, "l2": None, "smba": None},
                "cpuset_cpus": [0],
            }
        }


def test_an_allocator_answers_the_same_again_bit_for_bit(record):
    frames = list(read_recording(record(StaticAllocator(rules=RULES))))
    again = list(replay(frames, StaticAllocator(rules=RULES)))
    assert [answer_line(answer, frame) for frame, answer in again] == [
        answer_line(frame.answer, frame) for frame in frames
    ]
    other = StaticAllocator(rules=[{"allocations": {"cpu_weight": 51}}])
    assert all(
        answer_line(answer, frame) != answer_line(frame.answer, frame)
        for frame, answer in replay(frames, other)
    )


@pytest.mark.parametrize(("weight", "code"), [(50, 0), (51, command.EXIT_DIFFERENT)])
def test_the_command_asks_an_allocator(record, tmp_path, capsys, weight, code):
    path = record(StaticAllocator(rules=RULES))
    config = tmp_path / "config.yaml"
    config.write_text(
        f"""
runner: !AllocationRunner
  node: !StaticNode {{tasks: []}}
  allocator: !StaticAllocator
    rules: [{{allocations: {{cpu_weight: {weight}, cpuset_cpus: [0]}}}}]
"""
    )
    config.chmod(0o600)
    assert main(["replay", "--from", path, "-c", str(config)]) == code
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["allocations"]["batch"]["cpu_weight"] for line in lines] == [weight] * 3
