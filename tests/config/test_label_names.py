"""Label names are checked where they are written, not when every series is refused."""

from typing import Annotated

import pytest

from wca.config import LabelName
from wca.config.types import ValidationError


class Labelled:
    def __init__(self, labels: dict[Annotated[str, LabelName()], str]):
        self.labels = labels

    def run(self):
        pass


@pytest.mark.parametrize("name", ["a", "own_ip", "_x", "A1"])
def test_a_name_that_prometheus_takes_is_taken(load, name):
    runner = load(f"runner: !Labelled {{labels: {{{name}: x}}}}", Labelled).runner
    assert runner.labels == {name: "x"}


@pytest.mark.parametrize("name", ["bad-name", "1a", "a.b", "__name__", "größe", "a b"])
def test_one_that_it_refuses_is_a_problem_at_its_line(only_problem, name):
    problem = only_problem(f"runner: !Labelled\n  labels:\n    {name}: x\n", Labelled)
    assert problem.startswith("c.yaml:3:")
    assert "expected a label name" in problem


def test_the_constraint_works_by_itself():
    LabelName().check("zone")
    with pytest.raises(ValidationError):
        LabelName().check(5)
