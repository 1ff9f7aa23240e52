"""`wca plan`: what it tells, what it refuses, and what it leaves alone."""

import json

import pytest

from wca.main import main

CONFIG = """\
runner: !{runner}
  node: !StaticNode {{tasks: [{tasks}]}}
  interval: 20ms
  collectors: [{collectors}]
  {more}
"""

#: Parts that write down whatever is done to them.
PARTS = """
import os

from wca.allocators import Allocator
from wca.collectors import Collector
from wca.detectors import AnomalyDetector
from wca.nodes import Node
from wca.runners import Runner
from wca.storage import Storage


def note(what):
    with open(os.environ["WCA_TEST_NOTES"], "a") as file:
        file.write(what + "\\n")


class Noting(Storage):
    def start(self):
        note("storage started")

    def store(self, metrics):
        note("stored")

    def close(self, timeout):
        note("storage closed")


class Asked(Allocator):
    def allocate(self, platform, tasks_data):
        note("allocator asked")
        return {}, [], []


class Watching(AnomalyDetector):
    def detect(self, platform, tasks_data):
        note("detector asked")
        return [], []


class Changing(Collector):
    scope = "node"
    changes = "it moves the furniture"
    emits = ("node_chairs", "node_tables")

    def attach(self, target):
        return self

    def read(self, out):
        note("furniture moved")

    def close(self, timeout=0):
        pass


class Counting(Node):
    def get_tasks(self):
        note("node asked")
        return []


class Broken(Node):
    def get_tasks(self):
        raise RuntimeError("the list is on fire")


class Other(Runner):
    def run(self):
        note("run")
"""


@pytest.fixture
def notes(tmp_path, monkeypatch):
    (tmp_path / "planned_parts.py").write_text(PARTS)
    path = tmp_path / "notes"
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("WCA_TEST_NOTES", str(path))
    return path


@pytest.fixture
def plan(tmp_path, capsys):
    """plan(*options, **fields): exit code, standard output and standard error."""

    def plan(*options, text=None, runner="MeasurementRunner", tasks="", collectors="", more=""):
        path = tmp_path / "c.yaml"
        path.write_text(
            text or CONFIG.format(runner=runner, tasks=tasks, collectors=collectors, more=more)
        )
        path.chmod(0o600)
        code = main(["plan", "-c", str(path), *options])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return plan


def registered(*classes):
    return [word for name in classes for word in ("-r", f"planned_parts:{name}")]


def test_it_tells_everything_in_a_page_of_text(plan, real_cgroups):
    tasks = f"{real_cgroups.make('a')}, {real_cgroups.make('b')}"
    code, out, _ = plan(tasks=tasks, collectors="!TaskCpuCollector {}, !NodeCpuCollector {}")
    assert code == 0
    heads = [line.split("  ")[0] for line in out.splitlines() if not line.startswith(" ")]
    assert heads[:6] == ["tasks", "series", "storages", "descriptors", "CPU", "memory"]
    assert "2 now (StaticNode)" in out
    assert "a day (" in out
    assert "Prometheus text" in out
    assert "not in it" not in out


def test_json_has_the_same_and_series_add_up(plan, real_cgroups):
    tasks = f"{real_cgroups.make('a')}, {real_cgroups.make('b')}"
    code, out, _ = plan("--json", tasks=tasks, collectors="!TaskCpuCollector {}")
    said = json.loads(out)
    series = said["series"]
    assert code == 0
    assert series["total"] == series["others"] + 2 * series["per_task"]
    (output,) = said["outputs"]
    assert output["samples"] == series["total"]
    assert output["day_bytes"] == pytest.approx(output["batch_bytes"] * 86400 / 0.02)
    assert said["lacks"] == []


def test_more_tasks_are_planned_for_by_what_one_adds(plan, real_cgroups):
    tasks = f"{real_cgroups.make('a')}, {real_cgroups.make('b')}"
    code, out, _ = plan("--json", "--tasks", "20", tasks=tasks, collectors="!TaskCpuCollector {}")
    said = json.loads(out)
    assert code == 0
    assert said["tasks"]["planned"] == 20
    expected = said["series"]["others"] + 20 * said["series"]["per_task"]
    assert said["series"]["total"] == pytest.approx(expected)
    assert "further tasks are on average like the 2 that run now" in said["assumptions"]


def test_nothing_is_started_stored_asked_or_changed(plan, notes):
    code, out, _ = plan(
        *registered("Noting", "Asked", "Changing", "Counting"),
        "--json",
        text="""\
runner: !AllocationRunner
  node: !Counting {}
  interval: 20ms
  collectors: [!Changing {}]
  allocator: !Asked {}
  metrics_storage: !Noting {}
  anomalies_storage: !Noting {}
""",
    )
    assert code == 0
    assert notes.read_text().splitlines() == ["node asked"]
    (left_out,) = json.loads(out)["left_out"]
    assert left_out == {
        "collector": "Changing",
        "changes": "it moves the furniture",
        "metrics": ["node_chairs", "node_tables"],
    }


def test_a_detector_is_not_asked_and_that_is_told(plan, notes):
    code, out, _ = plan(
        *registered("Watching", "Noting"),
        runner="DetectionRunner",
        more="detector: !Watching {}\n  metrics_storage: !Noting {}",
    )
    assert code == 0
    assert not notes.exists()
    assert "the detector is not asked" in out
    assert "it cannot weigh: as Prometheus text" in out


def test_metrics_that_are_impossible_here_are_named_with_the_reason(plan):
    code, out, _ = plan("--json", collectors="!EcsUtilizationCollector {}")
    said = json.loads(out)
    assert code == 1
    (lacking,) = said["impossible"]
    assert lacking["collector"] == "EcsUtilizationCollector"
    assert lacking["reason"].startswith("this is no ECS task")
    assert lacking["metrics"]
    assert said["lacks"] == [f"EcsUtilizationCollector: {lacking['reason']}"]


def test_a_budget_that_is_too_small_is_told(plan):
    code, out, _ = plan(more="budget: {memory: 1MiB}")
    assert code == 1
    assert "more than the budget, 1.0 MiB: the agent will stop collectors" in out


def test_tasks_beyond_the_limit_of_series_are_told(plan, real_cgroups):
    tasks = real_cgroups.make("a")
    collectors, more = "!TaskCpuCollector {}", "series_limit: 200"
    code, out, _ = plan("--json", "--tasks", "1000", tasks=tasks, collectors=collectors, more=more)
    said = json.loads(out)
    assert code == 1
    assert said["series"]["total"] <= 200
    (sentence,) = said["lacks"]
    assert sentence.startswith("series_limit, 200, leaves out 9")


def test_without_a_task_more_of_them_cannot_be_planned_for(plan):
    with_none = plan("--tasks", "5")
    assert with_none[0] == 2
    assert with_none[2].startswith("--tasks 5: no task runs now whose share could be measured")


@pytest.mark.parametrize("number", ["0", "-1", "many"])
def test_a_number_of_tasks_that_is_none_is_refused(plan, number):
    with pytest.raises(SystemExit) as ended:
        plan("--tasks", number)
    assert ended.value.code == 2


def test_a_node_that_fails_is_told_in_a_sentence(plan, notes):
    code, _, err = plan(*registered("Broken"), text="runner: !MeasurementRunner {node: !Broken {}}")
    assert code == 1
    assert err.strip() == "Broken: its tasks are not known: the list is on fire"


def test_a_runner_of_another_kind_cannot_be_planned_for(plan, notes):
    code, _, err = plan(*registered("Other"), text="runner: !Other {}")
    assert code == 2
    assert err.startswith("Other cannot be planned for: only MeasurementRunner")
    assert not notes.exists()


def test_a_bad_file_is_refused_with_its_place(plan):
    code, _, err = plan(text="runner: !MeasurementRunner {nod: 1}\n")
    assert code == 1
    assert "c.yaml:1:29: runner.nod" in err


def test_a_file_that_is_missing_is_told(tmp_path, capsys):
    assert main(["plan", "-c", str(tmp_path / "none.yaml")]) == 1
    assert "none.yaml" in capsys.readouterr().err
