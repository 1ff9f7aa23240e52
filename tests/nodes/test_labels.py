"""Label generators."""

import pytest

from wca.errors import ValidationError
from wca.nodes import Task
from wca.nodes.labels import TaskLabelRegexGenerator, TaskLabelResourceGenerator


def task(name="staging/redis.small", **labels):
    """A task as the runner gives it: with its id and name among its labels."""
    given = {"task_id": "id-1", "task_name": name, **labels}
    return Task(name=name, task_id="id-1", cgroup_path="/x", labels=given, resources={"cpus": 2.5})


@pytest.mark.parametrize(
    ("pattern", "repl", "name", "label"),
    [
        (r"__(.*)__", r"\1", "__val__", "val"),
        (r".*/.*/.*/(.*)\..*", r"\1", "example/devel/staging-13/redis.small", "redis"),
        (r"no match", r"x", "anything", "anything"),
        (r"(?P<a>.)-(?P<b>.)", r"\g<b>-\g<a>", "1-2", "2-1"),
        (r"o", "0", "foo", "f00"),
    ],
)
def test_every_match_in_the_name_is_replaced(pattern, repl, name, label):
    assert TaskLabelRegexGenerator(pattern, repl).generate(task(name)) == label


@pytest.mark.parametrize(
    ("source", "value"), [("task_id", "id-1"), ("task_name", "n"), ("team", "blue")]
)
def test_the_source_is_a_label_or_the_id_or_the_name(source, value):
    generator = TaskLabelRegexGenerator("^", "", source=source)
    assert generator.generate(task("n", team="blue")) == value


def test_a_label_called_task_name_wins_over_the_name():
    assert TaskLabelRegexGenerator("^", "").generate(task("n", task_name="label")) == "label"


def test_without_the_source_there_is_no_label_and_one_warning(caplog):
    generator = TaskLabelRegexGenerator("a", "b", source="team")
    for _ in range(3):
        assert generator.generate(task(other="x")) is None
    assert caplog.messages == [
        "task id-1 has no label 'team' to generate another one from; it has: other, task_id, task_name"
    ]


@pytest.mark.parametrize(
    ("pattern", "repl"), [("(", "x"), ("a", r"\1"), ("(a)", r"\2"), ("a", r"\g<x>")]
)
def test_an_expression_that_cannot_work_is_refused_at_construction(pattern, repl):
    with pytest.raises(ValidationError, match="no valid regular expression"):
        TaskLabelRegexGenerator(pattern, repl)


def test_the_amount_of_a_resource_is_text_and_unknown_without_one():
    assert TaskLabelResourceGenerator("cpus").generate(task()) == "2.5"
    assert TaskLabelResourceGenerator("disk").generate(task()) == "unknown"
