"""What becomes of requests beside each other, and over the day."""

import pytest

from tests.allocations.acting import Acting, Group
from tests.allocations.kernel_stand_in import Kernel
from wca.allocations.envelope import Envelope
from wca.allocators import AllocationType
from wca.detectors import TaskData

T = AllocationType


def acting(version=1, *, names="t", files=None, **options):
    kernel = Kernel()
    folder = "/cg/cpu/" if version == 1 else "/cg/"
    for name in names:
        kernel.put(folder + name, files or {"cpu.shares": "1024", "cpu.idle": "0"})
    made = Acting(lambda path: Group(path, version), files=kernel, **options)
    made.tasks = {name: TaskData(name, name, f"/{name}") for name in names}
    return made


def shares(made, name="t"):
    return made.kernel.files[f"/cg/cpu/{name}/cpu.shares"]


@pytest.mark.parametrize(
    ("cpus", "least"), [(29, 0.01), (57, 0.01), (3, 0.05), (7, 0.05), (6, 1 / 3)]
)
def test_a_task_may_be_granted_exactly_its_minimum_of_quota(cpus, least):
    files = {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "-1"}
    made = acting(files=files, cpus=cpus, envelope=Envelope(minimums={T.QUOTA: least}))
    assert made.ask({"t": {T.QUOTA: least * 0.9}}) == {("t", T.QUOTA): "rejected: minimums"}
    assert made.ask({"t": {T.QUOTA: least}}) == {("t", T.QUOTA): "applied"}


@pytest.mark.parametrize("bound", [0.1, 0.25, 0.5, 1.0])
def test_a_task_may_be_granted_exactly_its_bound_of_shares(bound):
    for bounds in ({"minimums": {T.SHARES: bound}}, {"maximums": {T.SHARES: bound}}):
        made = acting(2, files={"cpu.weight": "100"}, envelope=Envelope(**bounds))
        assert made.ask({"t": {T.SHARES: bound}}) == {("t", T.SHARES): "applied"}


def test_a_bound_of_one_type_holds_for_the_others_in_its_file():
    made = acting(envelope=Envelope(minimums={T.SHARES: 0.5}, maximums={T.CPU_WEIGHT: 200}))
    refused = [(T.SHARES, 0.1), (T.CPU_WEIGHT, 1), (T.CPU_IDLE, 1)]
    for type_, value in refused:
        assert made.ask({"t": {type_: value}}) == {("t", type_): "rejected: minimums"}
    assert made.ask({"t": {T.SHARES: 4.0}}) == {("t", T.SHARES): "rejected: maximums"}
    assert made.ask({"t": {T.CPU_WEIGHT: 50}}) == {("t", T.CPU_WEIGHT): "applied"}


def test_the_idle_class_can_be_left_under_a_bound_of_shares():
    made = acting(
        files={"cpu.shares": "3", "cpu.idle": "1"}, envelope=Envelope(minimums={T.SHARES: 0.5})
    )
    assert made.ask({"t": {T.CPU_IDLE: 0}}) == {("t", T.CPU_IDLE): "applied"}


def test_a_pause_is_not_escaped_by_the_other_name_of_a_weight():
    made = acting(decides=True)
    assert made.ask({"t": {T.SHARES: 0.8}}) == {("t", T.SHARES): "applied"}
    made.now += 1
    assert made.ask({"t": {T.CPU_WEIGHT: 50}}) == {("t", T.CPU_WEIGHT): "rejected: shrink_pause"}


def test_nor_by_a_task_that_is_not_seen_for_one_interval():
    made = acting(decides=True)
    made.ask({"t": {T.SHARES: 0.8}})
    tasks, made.tasks = made.tasks, {}
    made.ask({})
    made.tasks = tasks
    assert made.ask({"t": {T.SHARES: 0.7}}) == {("t", T.SHARES): "rejected: shrink_pause"}


def test_a_burst_can_be_set_where_there_is_none_and_a_second_cpu_where_there_is_one():
    kernel = {"cpu.cfs_burst_us": "0"}
    assert acting(files=kernel, decides=True).ask({"t": {T.CPU_BURST: 0.25}}) == {
        ("t", T.CPU_BURST): "applied"
    }


def test_two_that_want_the_same_in_one_file_fail_together():
    made = acting(files={"cpu.shares": "512", "cpu.idle": "0"})
    made.kernel.refused.add("/cg/cpu/t/cpu.shares")
    outcomes = made.ask({"t": {T.SHARES: 1.024, T.CPU_WEIGHT: 100}})
    assert set(outcomes.values()) == {"failed: cpu.shares: Invalid argument"}
    made.kernel.refused.clear()
    outcomes = made.ask({"t": {T.SHARES: 1.024, T.CPU_WEIGHT: 100}})
    assert set(outcomes.values()) == {"applied"}


@pytest.mark.parametrize(
    "other",
    [{T.SHARES: "bad"}, {T.SHARES: 0.3, T.CPU_WEIGHT: 77}, {T.MEMORY_MAX: 1 << 30}],
    ids=["no value", "two values", "not there"],
)
def test_all_or_nothing_includes_what_fails_before_anything_is_written(other):
    made = acting(names="tu", all_or_nothing=True)
    outcomes = made.ask({"t": {T.SHARES: 0.3}, "u": other})
    assert outcomes["t", T.SHARES] == "failed: another one failed, and all or none was asked for"
    assert (shares(made), shares(made, "u")) == ("1024", "1024")


def test_all_or_nothing_keeps_nobody_from_giving_back():
    made = acting(names="tu", all_or_nothing=True)
    made.ask({"t": {T.SHARES: 0.3}})
    assert made.ask({"t": {T.SHARES: 1.024}, "u": {T.SHARES: -1}})["t", T.SHARES] == "applied"
    assert shares(made) == "1024"


def test_without_act_a_standing_wish_is_decided_once_as_with_it():
    for act in (True, False):
        made = acting(names="tuvwx", act=act, decides=True)
        last = {}
        for second in range(60):
            made.now = float(second)
            last = made.ask({"t": {T.SHARES: 0.5}})
        assert last == {("t", T.SHARES): "unchanged" if act else "would"}
        rest = made.ask({name: {T.SHARES: 0.5} for name in "uvwx"})
        assert list(rest.values()) == ["applied" if act else "would"] * 3 + [
            "rejected: decisions_per_day"
        ]


def test_without_act_another_wish_is_another_decision_and_a_hold_is_told():
    made = acting(act=False, decides=True)
    assert made.ask({"t": {T.SHARES: 0.5}}) == {("t", T.SHARES): "would"}
    assert made.ask({"t": {T.SHARES: 0.4}}) == {("t", T.SHARES): "rejected: shrink_pause"}
    assert made.ask({"t": {T.SHARES: 0.5}}) == {("t", T.SHARES): "would"}
    assert made.ask({"t": {T.SHARES: 0.5}}, held="hold") == {("t", T.SHARES): "rejected: hold"}
    assert made.ask({"t": {T.SHARES: 1.024}}) == {("t", T.SHARES): "unchanged"}
    assert made.ask({"t": {T.SHARES: 0.5}}) == {("t", T.SHARES): "rejected: shrink_pause"}


def test_a_label_of_protection_that_nobody_has_is_said_once(caplog):
    made = acting(envelope=Envelope(protected={"taskname": "shop", "qos": "high"}))
    made.tasks["t"].labels = {"qos": "low"}
    for _ in range(3):
        made.ask({})
    (message,) = caplog.messages
    assert "no task has the label taskname" in message
