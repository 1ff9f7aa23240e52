"""Which collectors the options of a runner ask for."""

import os

import pytest

from wca.collectors.node_vmstat import NodeVmstatCollector
from wca.collectors.task_cpu import TaskCpuCollector
from wca.collectors.task_perf import TaskPerfCollector
from wca.collectors.task_resctrl import TaskResctrlCollector
from wca.errors import ValidationError
from wca.nodes.static import StaticNode
from wca.runners import MeasurementRunner
from wca.runners.selection import Options, default_collectors, select_collectors


def selected(**options):
    return [type(one).__name__ for one in select_collectors(Options(**options))]


def by_name(name, **options):
    (found,) = [one for one in select_collectors(Options(**options)) if type(one).__name__ == name]
    return found


def test_by_default_files_are_read_and_what_the_machine_may_have_is_tried():
    files = [type(one).__name__ for one in default_collectors()]
    assert selected() == [*files, "TaskResctrlCollector", "NodeMemoryHardwareCollector"]


def test_what_is_tried_by_default_can_be_left_out():
    files = [type(one).__name__ for one in default_collectors()]
    assert selected(rdt_enabled=False, gather_hw_mm_topology=False) == files


def test_what_is_only_tried_does_not_belong_to_a_set_of_the_users_own():
    assert selected(collectors=[TaskCpuCollector()]) == ["TaskCpuCollector"]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"rdt_enabled": True}, ["TaskResctrlCollector"]),
        (
            {"gather_hw_mm_topology": True},
            ["NodeMemoryHardwareCollector", "NodeOptaneCollector"],
        ),
        ({"event_names": ["task_cycles"]}, ["TaskPerfCollector"]),
        ({"uncore_event_names": ["platform_cas_count_reads"]}, ["NodeUncoreCollector"]),
        ({"zoneinfo": True}, ["NodeZoneinfoCollector"]),
        ({"vmstat": True}, ["NodeVmstatCollector"]),
        ({"sched": "nr_.*"}, ["TaskSchedCollector", "TaskSchedstatCollector"]),
        ({"wss_reset_cycles": 10}, ["TaskWssCollector"]),
        ({"extra_collectors": [TaskCpuCollector()]}, ["TaskCpuCollector"]),
    ],
)
def test_an_option_adds_its_collector(options, names):
    assert selected(collectors=[], **options) == names


def test_what_is_asked_for_has_to_be_there_and_what_is_tried_has_not():
    assert by_name("TaskResctrlCollector", rdt_enabled=True).required
    assert not by_name("TaskResctrlCollector").required
    assert by_name("NodeMemoryHardwareCollector", gather_hw_mm_topology=True).required
    assert not by_name("NodeMemoryHardwareCollector").required


def test_vmstat_by_key_takes_the_place_of_the_usual_one():
    names = selected(vmstat="numa_.*")
    assert names.count("NodeVmstatCollector") == 1


def test_a_collector_of_the_users_takes_the_place_of_one_of_its_class():
    slow = [NodeVmstatCollector(interval=60.0), TaskResctrlCollector(interval=5.0)]
    chosen = select_collectors(Options(extra_collectors=slow))
    for one in slow:
        assert [other for other in chosen if type(other) is type(one)] == [one]


def test_a_collector_that_is_listed_twice_is_refused():
    twice = [TaskCpuCollector(), TaskCpuCollector(interval=5.0)]
    with pytest.raises(ValidationError, match="TaskCpuCollector is listed twice, write it once"):
        select_collectors(Options(collectors=twice))
    clock, faults = TaskPerfCollector(["task_clock_seconds"]), TaskPerfCollector(["page-faults"])
    assert select_collectors(Options(collectors=[clock, faults])) == [clock, faults]
    with pytest.raises(ValidationError, match="with task_clock_seconds is listed twice"):
        select_collectors(Options(collectors=[clock, TaskPerfCollector(["task_clock_seconds"])]))


def test_no_events_is_an_empty_list():
    assert selected(collectors=[], event_names=[], uncore_event_names=[]) == []


class Odd(TaskCpuCollector):
    scope = "pod"


class Describing(TaskCpuCollector):
    metrics = ("task_files",)


class Counting(TaskCpuCollector):
    metrics = 7


@pytest.mark.parametrize(
    ("collector", "words"),
    [
        (Odd(), "Odd.scope is 'pod', write 'task' or 'node'"),
        (Describing(), "Describing.metrics has to hold nothing but MetricMetadata"),
        (Counting(), "Counting.metrics raises TypeError"),
    ],
)
def test_a_collector_that_says_what_makes_no_sense_of_itself_is_refused(collector, words):
    with pytest.raises(ValidationError, match=words):
        select_collectors(Options(collectors=[collector]))


def test_one_thing_is_asked_for_in_one_place():
    given = [TaskPerfCollector(["task_cycles"])]
    with pytest.raises(ValidationError, match="event_names and a TaskPerfCollector in collectors"):
        select_collectors(Options(collectors=given, event_names=["task_instructions"]))
    both = [NodeVmstatCollector()]
    with pytest.raises(ValidationError, match="vmstat and a NodeVmstatCollector in collectors"):
        select_collectors(Options(collectors=both, vmstat=True))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"vmstat": "("}, "vmstat"),
        ({"zoneinfo": "(a)"}, "zoneinfo"),
        ({"sched": "["}, "sched"),
        ({"wss_reset_cycles": -1}, "wss_reset_cycles"),
        ({"wss_stable_cycles": 3, "wss_membw_threshold": 0.1}, "belong to wss_reset_cycles"),
        ({"perf_aggregate_cpus": False}, "belongs to event_names"),
    ],
)
def test_a_wrong_value_is_told_by_the_name_of_the_option(options, words):
    with pytest.raises(ValidationError, match=words):
        select_collectors(Options(**options))


@pytest.mark.skipif(os.path.isdir("/sys/fs/resctrl/info"), reason="this machine has resctrl")
def test_what_the_options_ask_for_and_the_machine_lacks_is_a_problem_of_the_runner():
    runner = MeasurementRunner(StaticNode(tasks=[]), rdt_enabled=True)
    (problem,) = runner.check()
    assert problem.startswith("resctrl is required, but not available")
    assert MeasurementRunner(StaticNode(tasks=[])).check() == []


def test_collectors_of_the_list_are_checked_by_themselves_and_not_twice():
    listed = TaskResctrlCollector(required=True)
    assert MeasurementRunner(StaticNode(tasks=[]), collectors=[listed]).check() == []
