"""A class that takes the fields of its base: beside its own, or together below the base's name."""

from typing import Annotated, Any

import pytest

from wca.config.inherited import takes_fields_of
from wca.config.reference import component_reference
from wca.config.types import Duration, Injected


class BaseRunner:
    """Runs.

    Args:
        node: where.
        interval: how often.
        clock: for tests.
    """

    def __init__(
        self,
        node: str,
        interval: Annotated[float, Duration(0, 60)] = 1.0,
        *,
        clock: Annotated[object, Injected()] = None,
    ) -> None:
        self.node, self.interval, self.clock = node, interval, clock

    def run(self) -> None:
        pass


class MoreRunner(BaseRunner):
    """Runs more.

    Args:
        more: how much.
    """

    @takes_fields_of(BaseRunner)
    def __init__(self, more: int = 3, **options: Any) -> None:
        super().__init__(**options)
        self.more = more


class MostRunner(MoreRunner):
    @takes_fields_of(MoreRunner)
    def __init__(self, most: bool = False, **options: Any) -> None:
        super().__init__(**options)


class WantsRunner(BaseRunner):
    @takes_fields_of(BaseRunner)
    def __init__(self, wanted: int, **options: Any) -> None:
        super().__init__(**options)


class OtherRunner(MoreRunner):
    """Has a constructor of its own, and none of the fields."""

    def __init__(self, size: int) -> None:
        super().__init__(node="")


def test_the_fields_of_both_stand_side_by_side(load):
    runner = load("runner: !MoreRunner {node: a, more: 5, interval: 2s}", MoreRunner).runner
    assert (runner.node, runner.more, runner.interval, runner.clock) == ("a", 5, 2.0, None)


def test_those_of_the_base_may_stand_together(load):
    text = "runner: !MoreRunner {base_runner: !BaseRunner {node: a, interval: 2s}, more: 5}"
    loaded = load(text, MoreRunner, BaseRunner)
    assert (loaded.runner.node, loaded.runner.interval) == ("a", 2.0)
    assert loaded.components == (loaded.runner,)


def test_through_several_levels(load):
    text = """
runner: !MostRunner
  config: !MostRunnerConfig
    most: true
    more_runner: !MoreRunner
      more: 7
      base_runner: !BaseRunner
        config: !BaseRunnerConfig {node: a}
"""
    runner = load(text, MostRunner).runner
    assert (runner.node, runner.more) == ("a", 7)
    assert load("runner: !MostRunner {base_runner: !BaseRunner {node: a}}", MostRunner).runner


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{more: x, node: a}", "c.yaml:1:28: runner.more: expected a whole number"),
        ("{node: a, interval: 99s}", "c.yaml:1:41: runner.interval: expected a duration between"),
        ("{nod: a, node: b}", "has no field 'nod', did you mean node?"),
        ("{node: a, clock: b}", "has no field 'clock'"),
        ("{more: 1}", "!MoreRunner needs the field 'node' (text)"),
        ("{base_runner: !BaseRunner {node: a}, node: b}", "the field 'node' is given twice"),
        ("{base_runner: !BaseRunner {more: 1, node: b}, more: 2}", "'more' is given twice"),
        ("{base_runner: {node: a}, node: b}", "'base_runner' under !MoreRunner takes the tag"),
    ],
)
def test_what_is_wrong_is_said_once_and_where(only_problem, text, expected):
    assert expected in only_problem(f"runner: !MoreRunner {text}", MoreRunner, BaseRunner)


def test_a_field_that_is_missing_belongs_where_the_others_of_its_class_are(problems):
    text = """\
runner: !WantsRunner
  base_runner: !BaseRunner
    interval: 2s
"""
    assert problems(text, WantsRunner) == [
        "c.yaml:1:9: runner: !WantsRunner needs the field 'wanted' (a whole number)",
        "c.yaml:2:16: runner: !WantsRunner needs the field 'node' (text)",
    ]


def test_what_a_field_that_nobody_takes_contains_is_built_still(problems):
    found = problems(
        "runner: !MoreRunner {base_runner: !BaseRunner {node: a, x: !Unknown {}}}",
        MoreRunner,
        BaseRunner,
    )
    assert any("unknown component !Unknown" in one for one in found)


def test_a_subclass_with_a_constructor_of_its_own_has_its_own_fields(load, only_problem):
    assert load("runner: !OtherRunner {size: 1}", OtherRunner).runner
    assert "'node'" in only_problem("runner: !OtherRunner {size: 1, node: a}", OtherRunner)


def test_a_subclass_without_one_has_those_of_its_base(load):
    class PlainRunner(MoreRunner):
        pass

    assert load("runner: !PlainRunner {node: a, more: 1}", PlainRunner).runner.more == 1


def test_from_python_injected_parameters_are_passed_on():
    assert MoreRunner(node="a", clock="c").clock == "c"


def test_each_field_is_documented_where_it_belongs():
    text = component_reference(MoreRunner)
    assert "| `more` | a whole number | `3` | how much. |" in text
    assert "| `node` | text | required | where. |" in text
    assert "clock" not in text
