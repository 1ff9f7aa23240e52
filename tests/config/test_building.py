# ruff: noqa: UP006, UP007, UP035, UP045 - plugins write annotations in all of these ways
"""Tags to objects: arguments, identity, old names, constructors that fail."""

import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, List, Optional, Union

import pytest

from wca.config.types import Injected
from wca.errors import StartError, ValidationError


class Storage:
    def __init__(self, topic: str = "all"):
        self.topic = topic


class Runner:
    def __init__(self, **fields: object):
        self.fields = fields

    def run(self):
        return 0


@dataclass
class Measure:
    metrics_storage: Storage
    interval: float = 1.0
    anomalies_storage: Optional[Storage] = None
    brokers_ips: Union[List[str], None] = None

    def run(self):
        return 0


def test_only_given_fields_are_passed(load):
    assert load("runner: !Runner {a: 1}", Runner).runner.fields == {"a": 1}
    assert load("runner: !Runner", Runner).runner.fields == {}
    assert load("runner: !Runner {}", Runner).runner.fields == {}


def test_an_anchor_and_its_aliases_are_one_object(load):
    text = "runner: !Measure\n  metrics_storage: &s !Storage\n  anomalies_storage: *s\n"
    loaded = load(text, Measure, Storage)
    assert loaded.runner.metrics_storage is loaded.runner.anomalies_storage
    assert loaded.components == (loaded.runner.metrics_storage, loaded.runner)
    assert loaded.tree == (
        "runner: !Measure\n"
        "  metrics_storage: &1 !Storage\n"
        "  anomalies_storage: *1  # the same !Storage"
    )


def test_two_tags_are_two_objects(load):
    text = "runner: !Measure\n  metrics_storage: !Storage\n  anomalies_storage: !Storage\n"
    runner = load(text, Measure, Storage).runner
    assert runner.metrics_storage is not runner.anomalies_storage


def test_components_come_children_first(load):
    text = (
        "runner: !Measure\n  metrics_storage: !Storage {topic: a}\n  anomalies_storage: !Storage\n"
    )
    assert [type(one).__name__ for one in load(text, Measure, Storage).components] == [
        "Storage",
        "Storage",
        "Measure",
    ]


def test_fields_below_config_are_the_fields_written_flat(load):
    flat = load(
        "runner: !Measure {metrics_storage: !Storage {topic: a}, interval: 5}", Measure, Storage
    )
    below = load(
        "runner: !Measure\n"
        "  config: !MeasureConfig\n"
        "    metrics_storage: !Storage\n"
        "      topic: a\n"
        "    interval: 5\n",
        Measure,
        Storage,
    )
    mixed = load(
        "runner: !Measure\n  interval: 5\n  config: !MeasureConfig {metrics_storage: !Storage {topic: a}}\n",
        Measure,
        Storage,
    )
    for loaded in (flat, below, mixed):
        assert loaded.runner.interval == 5
        assert loaded.runner.metrics_storage.topic == "a"
    assert below.tree == flat.tree


def test_config_wants_exactly_the_tag_of_its_class(problems):
    text = "runner: !Measure\n  config: !MeasurConfig\n    metrics_storage: !Storage\n"
    assert problems(text, Measure, Storage)[-1] == (
        "c.yaml:2:3: runner.config: 'config' under !Measure takes the tag !MeasureConfig"
    )
    assert "has no field 'config'" in problems("runner: !Measure {config: {}}", Measure)[-1]


def test_a_field_both_flat_and_below_config_is_given_twice(only_problem):
    text = "runner: !Measure\n  metrics_storage: !Storage\n  interval: 1\n  config: !MeasureConfig {interval: 2}"
    assert only_problem(text, Measure, Storage) == (
        "c.yaml:4:27: runner.interval: the field 'interval' is given twice, first at c.yaml:3:3; "
        "remove one"
    )


def test_a_class_with_a_field_config_of_its_own_keeps_it(load):
    class Allocator:
        def __init__(self, config: str):
            self.config = config

        def run(self):
            return 0

    assert load("runner: !Allocator {config: rules.yaml}", Allocator).runner.config == "rules.yaml"


def test_old_names_of_fields_are_understood(load):
    runner = load(
        "runner: !Measure\n  metric_storage: !Storage\n  action_delay: 3\n  broker_ips: [a]\n",
        Measure,
        Storage,
    ).runner
    assert (runner.interval, runner.brokers_ips) == (3, ["a"])


def test_an_old_name_and_the_present_one_together_are_an_error(only_problem):
    text = "runner: !Measure\n  metric_storage: &s !Storage\n  metrics_storage: *s\n"
    assert only_problem(text, Measure, Storage) == (
        "c.yaml:3:3: runner.metrics_storage: the field 'metrics_storage' is given twice "
        "(metrics_storage and metric_storage are the same), first at c.yaml:2:3; remove one"
    )


def test_a_class_that_has_the_old_name_means_it(load):
    class Old:
        def __init__(self, action_delay: int, interval: int = 0):
            self.both = (action_delay, interval)

        def run(self):
            return 0

    assert load("runner: !Old {action_delay: 5}", Old).runner.both == (5, 0)


def test_a_class_without_the_present_name_does_not_know_the_old_one(only_problem):
    assert "!Storage has no field 'action_delay'" in only_problem(
        "runner: !Runner {a: !Storage {action_delay: 5}}", Runner, Storage
    )


def test_unknown_and_missing_fields_are_named(problems):
    text = "runner: !Measure\n  metrics_storge: !Storage\n  intervall: 5\n  7: 8\n"
    assert problems(text, Measure, Storage) == [
        "c.yaml:1:9: runner: !Measure needs the field 'metrics_storage' (a Storage)",
        (
            "c.yaml:2:3: runner.metrics_storge: !Measure has no field 'metrics_storge', did you mean "
            "metrics_storage?"
        ),
        "c.yaml:3:3: runner.intervall: !Measure has no field 'intervall', did you mean interval?",
        (
            "c.yaml:4:3: runner[7]: !Measure has no field '7'; known: anomalies_storage, brokers_ips, "
            "interval, metrics_storage"
        ),
    ]


def test_an_injected_parameter_does_not_exist_for_a_file(only_problem):
    class Clocked:
        def __init__(self, *, clock: Annotated[object, Injected()] = None):
            pass

        def run(self):
            return 0

    assert only_problem("runner: !Clocked {clock: 5}", Clocked) == (
        "c.yaml:1:19: runner.clock: !Clocked takes no fields, remove 'clock'"
    )


def test_an_unknown_tag_gets_the_nearest_one(problems):
    found = problems(
        "runner: !Measur\n  metrics_storage: !storage\n  x: !Sorage\n", Measure, Storage
    )
    assert found == [
        "c.yaml:1:9: runner: unknown component !Measur, did you mean !Measure?",
        "c.yaml:2:20: runner.metrics_storage: unknown component !storage, did you mean !Storage?",
        "c.yaml:3:6: runner.x: unknown component !Sorage, did you mean !Storage?",
    ]


def test_an_abstract_class_cannot_be_built(only_problem):
    class Node(ABC):
        @abstractmethod
        def get_tasks(self): ...

    assert only_problem("runner: !Runner {a: !Node }", Runner, Node) == (
        "c.yaml:1:21: runner.a: !Node is an abstract class, it lacks get_tasks()"
    )


class OddError(Exception):
    def __str__(self):
        raise RuntimeError("not even this")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValidationError("expected a topic, write one"), "!Odd: expected a topic, write one"),
        (StartError("no"), "!Odd: no"),
        (ValueError("bad\nthing"), "!Odd: ValueError: bad thing"),
        (KeyError("x"), "!Odd: KeyError: 'x'"),
        (AssertionError(), "!Odd: AssertionError"),
        (SystemExit(3), "!Odd: SystemExit: 3"),
        (GeneratorExit(), "!Odd: GeneratorExit"),
        (RecursionError("deep"), "!Odd: RecursionError: deep"),
        (OddError(), "!Odd: OddError: no description"),
    ],
)
def test_a_constructor_that_raises_is_a_problem_of_its_component(only_problem, error, words):
    class Odd:
        def __init__(self):
            raise error

    assert (
        only_problem("runner: !Runner\n  a: !Odd\n", Runner, Odd)
        == f"c.yaml:2:6: runner.a: {words}"
    )


def test_a_constructor_that_exits_does_not_end_the_program(only_problem):
    class Leaver:
        def __init__(self):
            sys.exit("bye")

    assert "SystemExit: bye" in only_problem("runner: !Leaver", Leaver)


def test_a_control_c_is_not_caught(load):
    class Stop:
        def __init__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load("runner: !Stop", Stop)


def test_a_broken_child_silences_its_parents_only(problems):
    built = []

    class Child:
        def __init__(self, x: int):
            built.append(x)

    text = "runner: !Runner\n  a: !Child {x: b}\n  b: !Child {x: 1}\n  c: !Child {x: c}\n"
    assert len(problems(text, Runner, Child)) == 2
    assert built == [1]


def test_a_broken_anchor_is_reported_once(only_problem):
    text = "runner: !Runner\n  a: &a !Storage {topic: 5}\n  b: *a\n  c: [*a]\n"
    assert only_problem(text, Runner, Storage).startswith("c.yaml:2:26: runner.a.topic: ")


@pytest.mark.parametrize(
    ("name", "function", "problem"),
    [
        ("start", lambda self, when: None, "start must be callable as start()"),
        ("close", lambda self: None, "close must be callable as close(timeout)"),
        ("close", lambda self, a, b: None, "close must be callable as close(timeout)"),
        ("check", lambda self, value: None, "check must be callable as check()"),
    ],
)
def test_an_ability_with_another_signature_is_a_problem(only_problem, name, function, problem):
    able = type("Able", (), {name: function})
    assert only_problem("runner: !Runner {a: !Able }", Runner, able).endswith(problem)


def test_a_coroutine_is_no_ability(only_problem):
    class Able:
        async def start(self):
            """Nobody would await it."""

    assert "start() must not be a coroutine" in only_problem(
        "runner: !Runner {a: !Able }", Runner, Able
    )


def test_abilities_as_the_contract_has_them_and_fields_of_the_name_are_fine(load):
    class Able:
        def start(self): ...
        def close(self, timeout): ...
        def check(self, verbose=False):
            return ()

    class Window:
        def __init__(self, start: float):
            self.start = start

    assert load("runner: !Runner {a: !Able , b: !Window {start: 5}}", Runner, Able, Window).runner
