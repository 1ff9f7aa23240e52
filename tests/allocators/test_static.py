"""StaticAllocator: which rules are about which tasks, and files of rules."""

import json
import logging
import os

import pytest

from wca.allocators import AllocationType, RDTAllocation, StaticAllocator
from wca.errors import ValidationError
from wca.testing.detectors import a_platform, a_task

T = AllocationType
TASKS = {
    "t1": a_task("t1", labels={"foo": "bar", "app": "web"}),
    "t2": a_task("t2", labels={"foo": "other", "app": "web"}),
}


def granted(allocator, tasks=TASKS):
    allocations, anomalies, metrics = allocator.allocate(a_platform(), tasks)
    assert (list(anomalies), list(metrics)) == ([], [])
    return allocations


def rule(quota=0.5, **fields):
    return {"allocations": {"cpu_quota": quota}, **fields}


def quotas(*rules, tasks=TASKS):
    found = granted(StaticAllocator(rules=list(rules)), tasks)
    return {task_id: one[T.QUOTA] for task_id, one in found.items()}


def test_a_rule_without_a_choice_is_about_all_tasks_and_later_ones_win():
    assert quotas(rule(0.2), rule(0.3, task_id="t2")) == {"t1": 0.2, "t2": 0.3}
    assert quotas(rule(0.2), rule(0.3, task_id="t2"), rule(0.1, labels={"foo": "bar"})) == {
        "t1": 0.1,
        "t2": 0.3,
    }


def test_rules_are_combined_type_by_type():
    rules = [rule(0.2), {"task_id": "t1", "allocations": {"cpu_shares": 2}}]
    assert granted(StaticAllocator(rules=rules)) == {
        "t1": {T.QUOTA: 0.2, T.SHARES: 2},
        "t2": {T.QUOTA: 0.2},
    }


def test_all_labels_have_to_match_unless_any_is_asked_for():
    both = {"foo": "bar", "app": "web"}
    assert quotas(rule(labels=both)) == {"t1": 0.5}
    assert quotas(rule(labels=both, match="any")) == {"t1": 0.5, "t2": 0.5}


def test_an_expression_is_matched_at_the_beginning_of_the_value():
    assert quotas(rule(labels={"foo": "ba"})) == {"t1": 0.5}
    assert quotas(rule(labels={"foo": "ba$"})) == {}
    assert quotas(rule(labels={"foo": "ar"})) == {}
    assert quotas(rule(labels={"lacking": ".*"})) == {}


def test_a_rule_about_a_task_that_is_not_there_costs_nothing_else():
    assert quotas(rule(0.1, task_id="gone"), rule(0.2)) == {"t1": 0.2, "t2": 0.2}


def test_cache_and_bandwidth_are_written_as_a_mapping():
    rules = [{"task_id": "t1", "allocations": {"rdt": {"name": "x", "l3": "L3:0=f"}}}]
    assert granted(StaticAllocator(rules=rules)) == {"t1": {T.RDT: RDTAllocation("x", "L3:0=f")}}


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ([{"task_id": "a"}], "a rule grants something"),
        ([{"allocations": {}}], "a rule grants something"),
        ([rule(task_id="a", labels={"b": "c"})], "either task_id or labels"),
        ([rule(match="any")], "match says how several labels"),
        ([rule(labels={"a": "("})], "no regular expression"),
        ([{"allocations": {"cpu_qouta": 1}}], "cpu_quota"),
        ([rule(task="a")], "unknown field"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rules, sentence):
    with pytest.raises(ValidationError, match=sentence):
        StaticAllocator(rules=rules)


def test_nothing_to_grant_is_a_mistake():
    with pytest.raises(ValidationError, match="write rules, or config"):
        StaticAllocator()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rules.yaml"

    def write(text):
        before = path.stat().st_mtime_ns if path.exists() else 0
        path.write_text(text)
        os.utime(path, ns=(before + 10**9, before + 10**9))
        return str(path)

    return write


def test_rules_of_a_file_come_after_the_others(file):
    path = file("- {allocations: {cpu_quota: 0.4}, task_id: t2}")
    assert granted(StaticAllocator([rule(0.1)], path)) == {
        "t1": {T.QUOTA: 0.1},
        "t2": {T.QUOTA: 0.4},
    }


def test_a_file_is_read_again_when_it_has_changed_and_only_then(file, monkeypatch):
    path = file("- allocations: {cpu_quota: 0.4}")
    allocator = StaticAllocator(config=path)
    assert granted(allocator)["t1"] == {T.QUOTA: 0.4}
    file("- allocations: {cpu_quota: 0.3}")
    assert granted(allocator)["t1"] == {T.QUOTA: 0.3}
    monkeypatch.setattr("builtins.open", None)
    assert granted(allocator)["t1"] == {T.QUOTA: 0.3}


@pytest.mark.parametrize(
    "text", ["- [", "- allocations: {nonsense: 1}", "{}", "- !Node {}", "- {a: 1, a: 2}", "", "\0"]
)
def test_a_bad_file_is_one_sentence_and_its_last_good_rules_stay(file, caplog, text):
    path = file("- allocations: {cpu_quota: 0.4}")
    allocator = StaticAllocator(config=path)
    granted(allocator)
    file(text)
    with caplog.at_level(logging.INFO, "wca"):
        for _ in range(3):
            assert granted(allocator)["t1"] == {T.QUOTA: 0.4}
        (said,) = caplog.records
        assert said.levelname == "ERROR"
        assert path in said.message
        assert said.message.endswith("the last good rules stay")
        assert allocator.check() != []
        file("- allocations: {cpu_quota: 0.2}")
        assert granted(allocator)["t1"] == {T.QUOTA: 0.2}
    assert caplog.messages[-1] == f"{path} can be used again"
    assert allocator.check() == []


def test_a_file_that_is_gone_leaves_its_rules(file, caplog):
    path = file("- allocations: {cpu_quota: 0.4}")
    allocator = StaticAllocator(config=path)
    granted(allocator)
    os.remove(path)
    for _ in range(2):
        assert granted(allocator)["t1"] == {T.QUOTA: 0.4}
    assert len(caplog.messages) == 1
    assert "cannot be read" in caplog.messages[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("io_max", {"8:0": {"rbps": 1048576, "wiops": "max"}, "nvme0n1": {"wbps": 5}}),
        ("io_max", "8:0 rbps=1048576"),
        ("migrate_pages", 1),
        ("kill", "it eats all memory"),
    ],
)
def test_limits_at_devices_and_events_can_be_granted(tmp_path, name, value):
    rules = [{"task_id": "t1", "allocations": {name: value}}]
    (tmp_path / "rules").write_text(json.dumps(rules))
    for allocator in (
        StaticAllocator(rules=rules),
        StaticAllocator(config=str(tmp_path / "rules")),
    ):
        assert granted(allocator) == {"t1": {T(name): value}}


def in_force(**values):
    tasks = {"t1": a_task("t1")}
    tasks["t1"].allocations = {AllocationType(name): value for name, value in values.items()}
    return tasks


def test_what_no_rule_grants_any_more_is_given_back_until_it_is_there(file):
    path = file("- allocations: {cpu_quota: 0.4, cpu_shares: 2}")
    allocator = StaticAllocator(config=path)
    granted(allocator, in_force(cpu_quota=1.0, cpu_shares=1.024))
    file("- allocations: {cpu_shares: 2}")
    changed = in_force(cpu_quota=0.4, cpu_shares=2.0)
    for _ in range(2):
        assert granted(allocator, changed)["t1"] == {T.SHARES: 2, T.QUOTA: 1.0}
    for _ in range(2):
        assert granted(allocator, in_force(cpu_quota=1.0))["t1"] == {T.SHARES: 2}
    file("[]")
    assert granted(allocator, changed) == {"t1": {T.SHARES: 1.024}}


def test_what_somebody_else_has_written_meanwhile_is_left_alone(file):
    path = file("- allocations: {cpu_quota: 0.4}")
    allocator = StaticAllocator(config=path)
    granted(allocator, in_force(cpu_quota=1.0))
    file("[]")
    assert granted(allocator, in_force(cpu_quota=0.4)) == {"t1": {T.QUOTA: 1.0}}
    for value in (0.7, 0.4):
        assert granted(allocator, in_force(cpu_quota=value)) == {}


def test_a_rule_that_was_never_in_force_gives_nothing_back(file):
    path = file("- allocations: {cpu_quota: 0.4}")
    allocator = StaticAllocator(config=path)
    granted(allocator, in_force(cpu_quota=1.0))
    file("[]")
    assert granted(allocator, in_force(cpu_quota=1.0)) == {}


def test_a_rule_that_comes_back_is_not_given_back(file):
    path = file("- allocations: {cpu_quota: 0.4}")
    allocator = StaticAllocator(config=path)
    granted(allocator, in_force(cpu_quota=1.0))
    file("[]")
    granted(allocator, in_force(cpu_quota=0.4))
    file("- allocations: {cpu_quota: 0.4}")
    assert granted(allocator, in_force(cpu_quota=0.4)) == {"t1": {T.QUOTA: 0.4}}
    file("[]")
    assert granted(allocator, in_force(cpu_quota=0.4)) == {"t1": {T.QUOTA: 1.0}}
