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


def deriving(times):
    """The stage, for samples whose counters are read at these times."""
    last = [0.0]

    def read_at():
        last[0] = next(times)
        return last[0]

    return Derive(read_at, lambda: last[0])


def counted(cycles, instructions):
    return {"task_cycles": cycles, "task_instructions": instructions, "task_up": 1}


def test_the_second_sample_has_what_was_gained_since_the_first():
    times = iter([10.0, 12.0])
    stage, task = deriving(times), Task()
    assert run(stage, (task, counted(100, 80))) == [counted(100, 80)]
    (second,) = run(stage, (task, counted(300, 180)))
    assert second == counted(300, 180) | {"task_ips": 50.0, "task_ipc": 0.5}


def test_a_task_that_was_replaced_begins_anew():
    times = iter([10.0, 12.0, 14.0])
    stage, first, second = deriving(times), Task(), Task()
    run(stage, (first, counted(100, 80)))
    assert run(stage, (second, counted(300, 180))) == [counted(300, 180)]
    # Nor is the one that was away compared across the gap.
    assert run(stage, (first, counted(400, 280))) == [counted(400, 280)]


def test_a_task_without_events_gets_nothing():
    times = iter([10.0, 12.0])
    stage, task = deriving(times), Task()
    run(stage, (task, {"task_up": 1}))
    assert run(stage, (task, {"task_up": 1})) == [{"task_up": 1}]


def test_between_two_readings_of_the_counters_the_last_ratios_are_given_again():
    times = iter([10.0, 20.0, 20.0, 30.0])
    stage, task = deriving(times), Task()
    run(stage, (task, counted(100, 80)))
    fresh = {"task_ips": 10.0, "task_ipc": 0.5}
    assert run(stage, (task, counted(300, 180))) == [counted(300, 180) | fresh]
    assert run(stage, (task, counted(300, 180))) == [counted(300, 180) | fresh]
    # An idle task executes nothing, and has no ratio.
    assert run(stage, (task, counted(300, 180))) == [counted(300, 180) | {"task_ips": 0.0}]


def test_counters_that_were_away_begin_anew():
    times = iter([10.0, 12.0, 14.0, 16.0])
    stage, task = deriving(times), Task()
    run(stage, (task, counted(100, 80)))
    run(stage, (task, {"task_up": 1}))
    assert run(stage, (task, counted(500, 400))) == [counted(500, 400)]
    assert run(stage, (task, counted(600, 480)))[0]["task_ipc"] == 0.8


def test_containers_have_theirs_beside_the_task():
    times = iter([10.0, 12.0])
    stage, task, part = deriving(times), Task(), Task()
    for cycles in (100, 200):
        sample = Sample(0.0, [TaskSample(task, counted(cycles, cycles))])
        sample.parts = [TaskSample(part, counted(cycles, cycles // 2))]
        stage.run(sample)
    assert sample.tasks[0].measurements["task_ipc"] == 1.0
    assert sample.parts[0].measurements["task_ipc"] == 0.5


def test_by_cpu_the_samples_are_left_as_they_are():
    times = iter([10.0, 12.0, 14.0])
    stage, task = deriving(times), Task()
    for cycles, ipc in ((100, None), (200, {"0": 0.5}), (200, None)):
        values = {"task_cycles": {"0": cycles}, "task_instructions": {"0": cycles // 2}}
        (out,) = run(stage, (task, values))
        assert out.get("task_ipc") == ipc
        assert out["task_cycles"] == {"0": cycles}


def test_a_task_that_came_between_two_readings_is_compared_with_when_it_was_read_itself():
    times, now = iter([10.0, 20.0]), iter([15.0])
    stage, task = Derive(lambda: next(times), lambda: next(now)), Task()
    run(stage, (task, counted(100, 80)))  # by itself, at 15, because it was new
    (second,) = run(stage, (task, counted(300, 180)))
    assert second["task_ips"] == 100 / (20 - 15)
