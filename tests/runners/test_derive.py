"""Derived metrics compare a task with itself in the sample before, and with nothing else."""

from wca.runners.derive import Derive
from wca.runners.stages import Sample, TaskSample


class Task:
    """Stands for a container: the stage only tells one from another."""


def run(stage, *tasks):
    """Run on one sample; the measurements of each task."""
    taken = Sample(0.0, [TaskSample(container, values) for container, values in tasks])
    stage.run(taken)
    return [task.measurements for task in taken.tasks]


def counted(cycles, instructions):
    return {"task_cycles": cycles, "task_instructions": instructions, "task_up": 1}


def test_the_second_sample_has_what_was_gained_since_the_first():
    times = iter([10.0, 12.0])
    stage, task = Derive(lambda: next(times)), Task()
    assert run(stage, (task, counted(100, 80))) == [counted(100, 80)]
    (second,) = run(stage, (task, counted(300, 180)))
    assert second == counted(300, 180) | {"task_ips": 50.0, "task_ipc": 0.5}


def test_a_task_that_was_replaced_begins_anew():
    times = iter([10.0, 12.0, 14.0])
    stage, first, second = Derive(lambda: next(times)), Task(), Task()
    run(stage, (first, counted(100, 80)))
    assert run(stage, (second, counted(300, 180))) == [counted(300, 180)]
    # Nor is the one that was away compared across the gap.
    assert run(stage, (first, counted(400, 280))) == [counted(400, 280)]


def test_a_task_without_events_gets_nothing():
    times = iter([10.0, 12.0])
    stage, task = Derive(lambda: next(times)), Task()
    run(stage, (task, {"task_up": 1}))
    assert run(stage, (task, {"task_up": 1})) == [{"task_up": 1}]
