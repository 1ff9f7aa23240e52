"""What is taken from an agent's answer; see mesos_answers.py for where the answers come from."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.nodes.mesos_answers import nested, scalar, state, status, task
from wca.config.types import LabelName
from wca.errors import TaskSynchronizationException
from wca.nodes.mesos_state import label_name, running_tasks

MIB = 1 << 20


def only(*launched):
    """The one task that was found, and that nothing was refused."""
    ((found,), refused) = running_tasks(state(*launched))
    assert refused == {}
    return found


def test_the_example_of_the_reference_is_a_task():
    found = only(task())
    assert (found.task_id, found.name, found.executor_id, found.pid) == ("1", "1", "1", 19846)
    assert found.container_ids == ()
    assert found.labels == {}
    assert found.resources == {"cpus": 2.0, "mem": 1024 * MIB, "disk": 1024 * MIB}


def test_a_task_has_its_name_its_labels_and_the_ids_of_its_containers():
    found = only(
        task("t", "redis", {"org.apache.aurora.metadata.tier": "gold"}, containers=("p", "c"))
    )
    assert (found.name, found.container_ids) == ("redis", ("p", "c"))
    assert found.labels == {"tier": "gold"}


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("org.apache.ble", "ble"),
        ("org.apache.aurora.metadata.foo", "foo"),
        ("aurora.metadata.foo", "foo"),
        ("some.dots.found", "some_dots_found"),
        ("not.org.apache.x", "not_org_apache_x"),
        ("with-dash", "with_dash"),
        ("a/b", "a__b"),
        ("1st", "_1st"),
        ("", "_"),
    ],
)
def test_names_of_labels_lose_what_says_nothing_and_can_be_exported(key, name):
    assert label_name(key) == name


def test_labels_whose_names_become_the_same_are_told_apart():
    labels = {"a.b": "1", "a-b": "2", "org.apache.a_b": "3"}
    found = only(task(labels=labels)).labels
    assert sorted(found.values()) == ["1", "2", "3"]
    assert len(found) == 3


def test_a_label_without_a_value_is_empty_and_a_broken_one_costs_itself():
    entry = task(labels={"a": "1"})
    entry["labels"]["labels"] += [{"key": "b"}, {"value": "2"}, {"key": "c", "value": 3}, None, []]
    assert only(entry).labels == {"a": "1", "b": ""}


def test_parts_of_one_resource_are_summed_and_broken_ones_left_out():
    resources = [
        {**scalar("cpus", 1.5), "role": "web"},
        scalar("cpus", 0.25),
        scalar("mem", 0.5),
        scalar("gpus", 1),
        scalar("bad", -1),
        scalar("odd", True),
        scalar("huge", 10**400),
        {"name": "x", "type": "SCALAR"},
        {"type": "SCALAR", "scalar": {"value": 3}},
        7,
    ]
    assert only(task(resources=resources)).resources == {"cpus": 1.75, "mem": MIB // 2, "gpus": 1}


@pytest.mark.parametrize("text", ["1e999", "Infinity", "NaN"])
def test_what_is_no_amount_is_absent(text):
    answer = json.loads(
        json.dumps(state(task(resources=[scalar("cpus", 7.25)]))).replace("7.25", text)
    )
    ((found,), _) = running_tasks(answer)
    assert found.resources == {}


@pytest.mark.parametrize(
    "field", ["labels", "resources", "name", "executor_id", "state", "agent_id"]
)
def test_what_may_be_missing_is_missed_by_nobody(field):
    assert only(task("t", "n", {"a": "b"}, without=[field])).task_id == "t"


@pytest.mark.parametrize(
    "statuses",
    [
        [],
        [status("TASK_STARTING")],
        [status(), status("TASK_KILLING")],
        [status(), status("TASK_FINISHED")],
        ["TASK_RUNNING"],
    ],
)
def test_a_task_runs_when_its_last_status_says_so(statuses):
    assert running_tasks(state({**task(), "statuses": statuses})) == ([], {})
    assert only({**task(), "statuses": [*statuses, status()]}).pid == 19846


def test_tasks_come_by_their_ids_whatever_the_order_of_the_answer():
    tasks, _ = running_tasks(state(task("b"), task("a"), task("c")))
    assert [one.task_id for one in tasks] == ["a", "b", "c"]


@pytest.mark.parametrize("pid", [None, 0, -1, "19846", 1.5, True])
def test_a_task_without_a_process_is_refused_with_the_reason(pid):
    tasks, refused = running_tasks(state(task("a", pid=pid), task("b")))
    assert [one.task_id for one in tasks] == ["b"]
    assert refused == {"a": "its status has no executor_pid, so that its cgroup is not known"}


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (7, "it is int, not an object"),
        (None, "it is NoneType, not an object"),
        ({**task(), "task_id": {"value": 7}}, "it has no task_id"),
        ({**task(), "task_id": "1"}, "it has no task_id"),
        (task("other"), "its task id other is that of another one"),
    ],
)
def test_a_malformed_entry_costs_itself(entry, reason):
    tasks, refused = running_tasks(state(task("other"), entry))
    assert [one.task_id for one in tasks] == ["other"]
    assert refused == {"entry 2": reason}


@pytest.mark.parametrize(
    "answer", [None, 7, [], "x", {}, {"type": "GET_HEALTH"}, {"get_state": []}]
)
def test_what_is_no_answer_to_the_question_is_said(answer):
    with pytest.raises(TaskSynchronizationException, match="none to GET_STATE"):
        running_tasks(answer)


@pytest.mark.parametrize(
    "get_state", [{}, {"get_tasks": {}}, {"get_tasks": {"launched_tasks": []}}]
)
def test_an_agent_without_tasks_has_none(get_state):
    assert running_tasks({"get_state": get_state}) == ([], {})


def test_a_list_that_is_none_is_said():
    with pytest.raises(TaskSynchronizationException, match=r"launched_tasks .* is no list"):
        running_tasks({"get_state": {"get_tasks": {"launched_tasks": {"a": 1}}}})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def places(document, path=()):
    """The paths of all values in a document."""
    yield path
    if isinstance(document, (dict, list)):
        inner = document.items() if isinstance(document, dict) else enumerate(document)
        for key, value in inner:
            yield from places(value, (*path, key))


ENTRY = task("x", "n", {"a": "b"}, containers=("p", "c"))
PLACES = [path for path in places(ENTRY) if path]


@given(st.sampled_from(PLACES), JSON)
def test_whatever_stands_anywhere_in_an_entry_the_other_tasks_are_listed(path, value):
    entry = copy.deepcopy(ENTRY)
    *above, last = path
    holder = entry
    for key in above:
        holder = holder[key]
    holder[last] = value
    tasks, refused = running_tasks(state(task("fine"), entry))
    assert "fine" in [one.task_id for one in tasks]
    assert len(tasks) + len(refused) <= 2
    for one in tasks:
        assert all(isinstance(name, str) and LabelName().check(name) is None for name in one.labels)
        assert all(isinstance(amount, (int, float)) for amount in one.resources.values())


def test_containers_may_be_nested_deeply():
    entry = task()
    entry["statuses"][0]["container_status"]["container_id"] = nested("a", "b", "c")
    assert only(entry).container_ids == ("a", "b", "c")
