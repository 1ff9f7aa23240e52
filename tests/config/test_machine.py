# ruff: noqa: UP006, UP035, UP045 - plugins write annotations in all of these ways
"""What depends on the machine: the environment, accessible paths, the components' own checks."""

import os
from typing import Annotated, Any, List, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.config.environment import EnvProblem, read_scalar, resolve
from wca.config.types import Constraint, Duration, IpPort, Path
from wca.errors import ValidationError


class Runner:
    def __init__(
        self,
        text: Optional[str] = None,
        number: float = 1.0,
        every: Annotated[float, Duration()] = 1.0,
        flag: bool = False,
        brokers: List[IpPort] = (),
        path: Annotated[Optional[str], Path(mode=os.R_OK)] = None,
        child: Any = None,
    ):
        self.__dict__.update(locals())

    def run(self):
        return 0


def test_a_variable_becomes_text(load):
    runner = load("runner: !Runner {text: !Env A}", Runner, environ={"A": "5"}).runner
    assert runner.text == "5"
    assert type(runner.text) is str


def test_a_variable_is_read_as_yaml_where_text_does_not_fit(load):
    environ = {"N": "0.5", "D": "10s", "F": "true", "B": "kafka:9092"}
    text = "runner: !Runner {number: !Env N, every: !Env D, flag: !Env F, brokers: [!Env B]}"
    runner = load(text, Runner, environ=environ).runner
    assert (runner.number, runner.every, runner.flag) == (0.5, 10.0, True)
    assert runner.brokers == ["kafka:9092"]


def test_a_template_is_filled(load):
    text = 'runner: !Runner {text: !Env "https://${HOST:-localhost}:${PORT}/$$x"}'
    assert load(text, Runner, environ={"PORT": "80"}).runner.text == "https://localhost:80/$x"
    environ = {"PORT": "80", "HOST": "a"}
    assert load(text, Runner, environ=environ).runner.text == "https://a:80/$x"


def test_an_empty_variable_counts_as_unset_where_there_is_a_default():
    assert resolve("${A:-b}", {"A": ""}) == ("b", [])
    assert resolve("${A}", {"A": ""}) == ("", [])
    assert resolve("A", {"A": ""}) == ("", [])
    assert resolve("${A:-}", {}) == ("", [])


@pytest.mark.parametrize(
    "text", ["", "a b", "1a", "$A", "${A", "${A-b}", "${}", "${1}", "a$", "${A:+b}"]
)
def test_a_reference_that_cannot_be_understood_is_a_problem(only_problem, text):
    assert "write " in only_problem(f"runner: !Runner {{text: !Env '{text}'}}", Runner)


def test_env_takes_a_text(only_problem):
    assert "!Env takes the name" in only_problem("runner: !Runner {text: !Env [A]}", Runner)


@given(st.text(alphabet="${}:-AB ", max_size=12), st.dictionaries(st.sampled_from("AB"), st.text()))
def test_any_reference_is_resolved_or_refused(text, environ):
    try:
        value, unset = resolve(text, environ)
    except EnvProblem:
        return
    assert isinstance(value, str)
    assert not set(unset) & set(environ)


@given(st.text(max_size=10))
def test_any_text_is_read_as_a_scalar(text):
    assert isinstance(read_scalar(text), (str, int, float, type(None)))


def test_an_unset_variable_is_a_remark_elsewhere_and_a_problem_here(load, only_problem):
    text = "runner: !Runner\n  child: !Runner {text: !Env ABSENT, number: 5}\n"
    loaded = load(text, Runner)
    assert loaded.runner is None
    assert loaded.components == ()
    assert loaded.not_checked == (
        "c.yaml:2:25: runner.child.text: the environment must have ABSENT",
    )
    assert "text: !Env ABSENT" in loaded.tree
    assert only_problem(text, Runner, here=True) == (
        "c.yaml:2:25: runner.child.text: the environment has no variable ABSENT, set it or write "
        "${ABSENT:-default}"
    )


def test_an_unset_variable_hides_no_other_problem(only_problem):
    text = "runner: !Runner\n  child: !Runner {text: !Env ABSENT, number: x}\n  flag: 5\n"
    text = text.replace("  flag: 5\n", "")
    assert "runner.child.number: expected a number" in only_problem(text, Runner)


def test_what_the_environment_holds_is_never_shown(problems):
    class Picky:
        def __init__(self, a: Any = None, b: Any = None):
            raise ValidationError(f"cannot use {a} and {b}")

    environ = {"LONG": "hunter22", "SHORT": "7"}
    found = problems(
        "runner: !Runner {number: !Env LONG, flag: !Env LONG, brokers: [!Env LONG], every: !Env LONG}\n"
        "loggers: {wca: !Env LONG}",
        Runner,
        environ=environ,
    )
    found += problems("runner: !Picky {a: !Env LONG}", Picky, environ=environ)
    found += problems("runner: !Picky {a: [{b: !Env LONG}], b: !Env SHORT}", Picky, environ=environ)
    assert len(found) == 7
    assert not any("hunter22" in line or "7" in line.split(": ", 2)[2] for line in found)
    assert "cannot use *** and None" in found[5]


def test_a_path_is_checked_on_the_machine_that_runs_the_agent(load, only_problem, tmp_path):
    text = f"runner: !Runner\n  path: {tmp_path}/absent\n"
    loaded = load(text, Runner)
    assert loaded.runner.path == f"{tmp_path}/absent"
    assert loaded.not_checked == (f"c.yaml:2:9: runner.path: must be readable ({tmp_path}/absent)",)
    assert only_problem(text, Runner, here=True) == (
        f"c.yaml:2:9: runner.path: {tmp_path}/absent must be readable, but it does not exist"
    )
    (tmp_path / "absent").touch()
    assert load(text, Runner, here=True).not_checked == ()


def test_a_default_path_is_checked_as_if_it_were_written(load, only_problem):
    class Socket:
        def __init__(self, path: Path(mode=os.R_OK) = "/absent/socket"):
            pass

        def run(self):
            return 0

    text = "runner: !Socket"
    assert load(text, Socket).not_checked == (
        "c.yaml:1:9: runner.path: must be readable (the default)",
    )
    assert "c.yaml:1:9: runner.path: /absent/socket must be readable" in only_problem(
        text, Socket, here=True
    )


def test_a_faulty_constraint_of_a_plugin_is_a_problem(only_problem):
    class Faulty(Constraint):
        def check_here(self, value):
            raise RuntimeError

        def about_here(self):
            return "must be fine"

    class Foo:
        def __init__(self, x: Annotated[int, Faulty()]):
            pass

        def run(self):
            return 0

    assert only_problem("runner: !Foo {x: 5}", Foo, here=True).endswith("runner.x: refused here")


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (lambda self: ["no socket, start the daemon"], ["no socket, start the daemon"]),
        (lambda self: (text for text in ("a", "b")), ["a", "b"]),
        (lambda self: "one", ["one"]),
        (lambda self: None, []),
        (lambda self: 1 / 0, ["check() failed: ZeroDivisionError: division by zero"]),
        (lambda self: 5, ["check() failed: TypeError: 'int' object is not iterable"]),
    ],
)
def test_a_component_says_itself_what_a_machine_lacks(load, problems, check, words):
    able = type("Able", (), {"check": check})
    text = "runner: !Runner\n  child: !Able\n"
    assert load(text, Runner, able).runner
    if not words:
        assert load(text, Runner, able, here=True).runner
        return
    found = problems(text, Runner, able, here=True)
    assert found == [f"c.yaml:2:10: runner.child: {word}" for word in words]
