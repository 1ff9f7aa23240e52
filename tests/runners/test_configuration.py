"""MeasurementRunner in a file: the spellings that the seed and older files use."""

import pytest

from wca.components import load_registry
from wca.config.loader import load_config
from wca.errors import ConfigLoadError
from wca.storage import LogStorage

SEED = """
runner: !MeasurementRunner
  node: !StaticNode {tasks: []}
  metric_storage: !LogStorage # subclass of Storage
    output_filename: /tmp/logs.txt
"""

NESTED = """
runner: !MeasurementRunner
  config: !MeasurementRunnerConfig
    node: !StaticNode
      tasks: [] # this disables any tasks metrics
    metrics_storage: !LogStorage
    action_delay: 2
"""


def load(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return load_config(str(path), load_registry()).runner


def test_the_seeds_file_loads_with_the_old_name_of_its_storage_field(tmp_path):
    runner = load(tmp_path, SEED)
    assert isinstance(runner.metrics_storage, LogStorage)


def test_fields_below_config_are_the_same_as_flat_ones(tmp_path):
    runner = load(tmp_path, NESTED)
    assert runner.interval == 2.0


def test_the_interval_has_a_unit_and_a_range(tmp_path):
    assert load(tmp_path, NESTED.replace("action_delay: 2", "interval: 250ms")).interval == 0.25
    for wrong in ("5ms", "61s", "true", "soon"):
        with pytest.raises(ConfigLoadError, match=r"between 0\.01s and 60s"):
            load(tmp_path, NESTED.replace("action_delay: 2", f"interval: {wrong}"))


def test_both_names_of_one_field_are_refused(tmp_path):
    with pytest.raises(ConfigLoadError, match="metric_storage"):
        load(tmp_path, SEED + "  metrics_storage: !LogStorage\n")


def test_what_tests_inject_cannot_be_written_in_a_file(tmp_path):
    for field in ("kernel", "clock"):
        with pytest.raises(ConfigLoadError, match=f"has no field '{field}'"):
            load(tmp_path, SEED + f"  {field}: x\n")


PERF = """
runner: !MeasurementRunner
  node: !StaticNode {tasks: []}
  event_names: [task_cycles, task_instructions, some__r0302]
"""


def test_named_perf_events_add_their_collector_to_the_others(tmp_path):
    without = load(tmp_path, PERF.replace("  event_names", "  # event_names"))
    runner = load(tmp_path, PERF)
    usual = [type(collector).__name__ for collector in without.collectors]
    assert "TaskPerfCollector" not in usual
    (added,) = [one for one in runner.collectors if type(one).__name__ not in usual]
    assert type(added).__name__ == "TaskPerfCollector"
    assert added.event_names == ("task_cycles", "task_instructions", "some__r0302")


def test_a_wrong_perf_event_is_reported_where_it_stands(tmp_path):
    wrong = PERF.replace("task_instructions", "task instructions").replace("0302", "03")
    with pytest.raises(ConfigLoadError) as refused:
        load(tmp_path, wrong)
    first, second = refused.value.problems
    assert "config.yaml:4:30: runner.event_names[1]: there is no perf event" in first
    assert "did you mean task_instructions?" in first
    assert "config.yaml:4:49: runner.event_names[2]: raw perf event" in second


def test_perf_events_are_named_once_each(tmp_path):
    listed = "[task_cycles, task_instructions, some__r0302]"
    with pytest.raises(ConfigLoadError, match="write it once"):
        load(tmp_path, PERF.replace(listed, "[task_cycles, task_cycles]"))


def test_perf_events_are_named_in_one_place(tmp_path):
    both = PERF + "  collectors:\n  - !TaskPerfCollector {event_names: [task_clock_seconds]}\n"
    with pytest.raises(ConfigLoadError, match="write one of them"):
        load(tmp_path, both)
    alone = both.replace("  event_names: [task_cycles", "  # [task_cycles")
    assert [type(one).__name__ for one in load(tmp_path, alone).collectors] == ["TaskPerfCollector"]


MEASURED = """
runner: !MeasurementRunner
  node: !StaticNode {tasks: []}
  granularity: both
  budget: {cpu: 2%, memory: 64MiB}
  series_limit: 5000
  collectors: [!TaskCpuCollector {interval: 250ms}, !TaskMemoryCollector {interval: 10s}]
"""


def test_what_is_measured_and_at_what_cost_is_configured(tmp_path):
    runner = load(tmp_path, MEASURED)
    assert runner.granularity == "both"
    assert runner.budget == {"cpu": 0.02, "memory": 64 << 20}
    assert runner.series_limit == 5000
    assert [collector.interval for collector in runner.collectors] == [0.25, 10.0]


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("both", "pods", "granularity: expected one of 'pod', 'container', 'both'"),
        ("cpu: 2%", "cpus: 2%", "budget.cpus: unknown field, did you mean cpu?"),
        ("64MiB", "64 apples", "budget.memory: expected a size"),
        ("5000", "0", "series_limit"),
        ("10s", "2d", "collectors[1].interval: expected a duration between 0.01s and 86400s"),
    ],
)
def test_a_wrong_option_is_told_where_it_stands(tmp_path, right, wrong, words):
    with pytest.raises(ConfigLoadError) as refused:
        load(tmp_path, MEASURED.replace(right, wrong))
    (problem,) = refused.value.problems
    assert words in problem
