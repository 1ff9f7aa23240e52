"""What a configuration lacks on this machine, and the command that tells it."""

import errno
import json
from pathlib import Path

import pytest

from tests.cgroup_fixtures import RealCgroups  # noqa: F401 - the fixture's class
from wca.components import load_registry
from wca.config.loader import load_text
from wca.doctor import rights_findings
from wca.doctor.perf import perf_findings
from wca.linux.files import Kernel
from wca.main import main

CONFIGURATION = """\
runner: !MeasurementRunner
  node: !StaticNode
    tasks: [{tasks}]
  collectors: [{collectors}]
"""


@pytest.fixture
def doctor(tmp_path, capsys):
    """doctor(tasks, collectors): exit code, and what is said of the configuration by subject."""

    def doctor(tasks="", collectors="!TaskCpuCollector {}"):
        path = tmp_path / "c.yaml"
        path.write_text(CONFIGURATION.format(tasks=tasks, collectors=collectors))
        path.chmod(0o600)
        code = main(["doctor", "-c", str(path), "--json"])
        said = json.loads(capsys.readouterr().out)["needed"]
        return code, {one["subject"]: one for one in said}

    return doctor


def test_what_is_there_is_good(doctor, real_cgroups):
    code, said = doctor(real_cgroups.make("task"), "!TaskCpuCollector {}, !NodeCpuCollector {}")
    assert code == 0
    assert said["StaticNode"]["found"] == "one task"
    assert said["TaskCpuCollector"]["found"] == "measures"
    assert said["NodeCpuCollector"]["found"] == "measures the machine"


def test_a_source_that_is_missing_is_a_gap_and_exit_code_1(doctor):
    code, said = doctor(collectors="!EcsUtilizationCollector {}")
    assert code == 1
    assert said["EcsUtilizationCollector"]["good"] is False
    assert said["EcsUtilizationCollector"]["found"].startswith("this is no ECS task")


def test_without_a_task_what_measures_tasks_is_not_tried(doctor):
    code, said = doctor()
    assert code == 0
    assert said["TaskCpuCollector"]["found"] == "not tried: there is no task now"


def test_what_is_said_of_several_is_said_once_in_the_text(tmp_path, capsys):
    path = tmp_path / "c.yaml"
    path.write_text(
        CONFIGURATION.format(tasks="", collectors="!TaskCpuCollector {}, !TaskIoCollector {}")
    )
    path.chmod(0o600)
    assert main(["doctor", "-c", str(path)]) == 0
    line = "ok  TaskCpuCollector, TaskIoCollector: not tried: there is no task now"
    assert line in capsys.readouterr().out


def test_a_runner_that_measures_nothing_gets_a_word_all_the_same(tmp_path, capsys, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "examples"))
    path = tmp_path / "c.yaml"
    path.write_text("runner: !HelloWorldRunner\n")
    path.chmod(0o600)
    assert main(["doctor", "-c", str(path), "-r", "hello_world_runner:HelloWorldRunner"]) == 0
    assert "ok  HelloWorldRunner: the file is good" in capsys.readouterr().out


def test_a_bad_file_is_a_gap_with_its_place(tmp_path, capsys):
    path = tmp_path / "c.yaml"
    path.write_text("runner: !MeasurementRunner {nod: 1}\n")
    assert main(["doctor", "-c", str(path)]) == 1
    assert f"--  configuration: {path}:1:29: runner.nod" in capsys.readouterr().out


def test_without_a_configuration_gaps_are_told_and_the_exit_code_is_0(capsys):
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("This machine\n")
    assert "cgroups: v" in out


def test_a_user_without_rights_is_told_how_to_count_perf_events(tmp_path):
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/perf_event_paranoid").write_text("3\n")

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    kernel_events, cpu_events = perf_findings(Kernel(str(tmp_path)), refuse)
    for one in (kernel_events, cpu_events):
        assert one.found == "refused (perf_event_paranoid is 3)"
        assert one.remedy == (
            "sysctl kernel.perf_event_paranoid=2, and give the agent CAP_PERFMON, as wca.service does, "
            "or: sysctl kernel.perf_event_paranoid=0"
        )


def test_a_machine_without_counters_has_no_remedy(tmp_path):
    def refuse(*_):
        raise OSError(errno.ENOENT, "No such file or directory")

    _, cpu_events = perf_findings(Kernel(str(tmp_path)), refuse)
    assert (cpu_events.good, cpu_events.remedy) == (False, "")
    assert "virtual machine, does not count task_cycles" in cpu_events.found


def rights(tmp_path, capabilities, paranoid="2"):
    """What is said of the capabilities that perf events need, where a process has others."""
    for name, text in {
        "proc/self/status": f"CapEff:\t{capabilities:016x}\n",
        "proc/sys/kernel/perf_event_paranoid": f"{paranoid}\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    text = """\
runner: !MeasurementRunner
  node: !StaticNode {tasks: []}
  event_names: [task_clock_seconds]
"""
    (finding,) = rights_findings(load_text(text, load_registry([])), Kernel(str(tmp_path)))
    return finding


def test_a_capability_that_the_configuration_needs_is_named_with_what_for(tmp_path):
    missing = rights(tmp_path, 0)
    assert (missing.subject, missing.good) == ("CAP_PERFMON", False)
    assert missing.found == "missing, for perf events"
    assert missing.remedy.startswith("write AmbientCapabilities=CAP_PERFMON into its unit")
    there = rights(tmp_path, 1 << 38)
    assert (there.good, there.found) == (True, "there, for perf events")


def test_where_everybody_may_count_no_capability_is_needed(tmp_path):
    assert rights(tmp_path, 0, paranoid="-1").good


def test_a_configuration_that_needs_no_rights_gets_no_word_about_them(doctor):
    _, said = doctor()
    assert not [subject for subject in said if subject.startswith("CAP_")]
