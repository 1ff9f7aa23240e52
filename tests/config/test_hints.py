"""Annotations of plugins: forward references, future annotations, classes in other modules."""

import importlib
import logging
import sys
import textwrap
from typing import NotRequired, Required, TypedDict, Unpack

import pytest

from wca.config.hints import FACTORY, UNANNOTATED, signature_of
from wca.config.loader import load_text
from wca.config.registry import Registry
from wca.errors import ConfigLoadError


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """plugin(name, text): a module of the test's own, imported."""
    monkeypatch.syspath_prepend(str(tmp_path))
    names = []

    def plugin(name, text):
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        importlib.invalidate_caches()
        names.append(name)
        return importlib.import_module(name)

    yield plugin
    for name in names:
        sys.modules.pop(name, None)


BASE = """
    from __future__ import annotations
    from dataclasses import dataclass, field, InitVar
    from typing import Optional, TYPE_CHECKING
    from wca.config.types import Numeric, Path
    if TYPE_CHECKING:
        from nowhere import Nothing

    @dataclass
    class Base:
        interval: Numeric(0, 60)
        path: Optional[Path] = None
        labels: dict[str, str] = field(default_factory=dict)
        nothing: Nothing = None
        once: InitVar[int] = 0
        later: "Later" = None

        def run(self):
            return 0

    class Later:
        pass
"""


def test_a_dataclass_whose_base_is_in_another_module_is_checked_field_by_field(plugin):
    plugin("hints_base", BASE)
    child = plugin(
        "hints_child",
        """
        from __future__ import annotations
        from dataclasses import dataclass
        from pathlib import Path  # another Path than the one that the base means
        from hints_base import Base

        @dataclass
        class Child(Base):
            home: Path = Path("/")
        """,
    )
    parameters = signature_of(child.Child).parameters
    assert list(parameters) == ["interval", "path", "labels", "nothing", "once", "later", "home"]
    registry = Registry(decorated={})
    registry.add(child.Child)
    text = "runner: !Child\n  interval: 99\n  path: ..\n  labels: {a: 1}\n  once: x\n  later: 5\n  home: 7\n"
    with pytest.raises(ConfigLoadError) as caught:
        load_text(text, registry)
    assert [line.split(": ")[1] for line in caught.value.problems] == [
        f"runner.{name}" for name in ("interval", "path", "labels.a", "once", "later", "home")
    ]


def test_a_name_for_type_checkers_costs_only_the_check_of_its_field(plugin, caplog):
    base = plugin("hints_base", BASE).Base
    parameter = signature_of(base).parameters["nothing"]
    assert "Nothing" in parameter.unresolved
    registry = Registry(decorated={})
    registry.add(base)
    with caplog.at_level(logging.WARNING):
        runner = load_text("runner: !Base {interval: 5, nothing: anything}", registry).runner
    assert runner.nothing == "anything"
    assert "the parameter 'nothing' of hints_base:Base is not checked" in caplog.text


def test_an_inherited_constructor_is_resolved_where_it_was_written(plugin):
    plugin(
        "hints_base",
        """
        from __future__ import annotations
        from wca.config.types import Numeric as Number
        class Base:
            def __init__(self, x: Number(0, 1), y: "list[Number(0, 1)]" = ()):
                pass
        """,
    )
    child = plugin(
        "hints_child",
        """
        import hints_base
        class Child(hints_base.Base):
            x: int
        """,
    )
    assert str(signature_of(child.Child).parameters["x"].hint).startswith("Numeric(")


def test_a_decorated_constructor_keeps_its_annotations(plugin):
    module = plugin(
        "hints_base",
        """
        import functools
        def logged(function):
            @functools.wraps(function)
            def inner(*args, **kwargs):
                return function(*args, **kwargs)
            return inner
        class Foo:
            @logged
            def __init__(self, x: "int" = 5):
                pass
        """,
    )
    assert signature_of(module.Foo).parameters["x"].hint is int


def test_defaults_are_known():
    class Foo:
        def __init__(self, a, b=5, *args: int, c: int = 6, **others: str):
            pass

    signature = signature_of(Foo)
    assert signature.parameters["a"].required
    assert signature.parameters["a"].hint is UNANNOTATED
    assert signature.parameters["b"].default == 5
    assert signature.parameters["c"].default == 6
    assert list(signature.parameters) == ["a", "b", "c"]
    assert signature.others.hint is str


def test_fields_that_are_words_of_python_come_from_a_typed_dict():
    fields = TypedDict("fields", {"for": Required[int], "from": NotRequired[str]})

    class Foo:
        def __init__(self, a: int, **words: Unpack[fields]):
            self.given = {"a": a, **words}

        def run(self):
            pass

    signature = signature_of(Foo)
    assert signature.others is None
    assert {name: one.hint for name, one in signature.parameters.items()} == {
        "a": int,
        "for": int,
        "from": str,
    }
    assert [name for name, one in signature.parameters.items() if one.required] == ["a", "for"]
    registry = Registry(decorated={})
    registry.add(Foo)
    runner = load_text("runner: !Foo {a: 1, for: 2, from: here}", registry).runner
    assert runner.given == {"a": 1, "for": 2, "from": "here"}
    with pytest.raises(ConfigLoadError, match="!Foo has no field 'form', did you mean"):
        load_text("runner: !Foo {a: 1, for: 2, form: here}", registry)


def test_a_factory_is_not_mistaken_for_a_value(plugin):
    assert signature_of(plugin("hints_base", BASE).Base).parameters["labels"].default is FACTORY


def test_a_class_without_a_constructor_takes_nothing():
    class Foo:
        pass

    assert signature_of(Foo).parameters == {}


def test_a_positional_only_parameter_is_a_defect():
    class Foo:
        def __init__(self, x: int, /):
            pass

    assert "positional-only" in signature_of(Foo).defect


def test_a_class_that_cannot_be_inspected_is_a_defect():
    class Foo:
        __signature__ = "nonsense"

    assert "cannot be inspected" in signature_of(Foo).defect
