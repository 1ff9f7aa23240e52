"""Loading text with a registry of the test's own."""

import pytest

from wca.config.loader import load_text
from wca.config.registry import Registry
from wca.errors import ConfigLoadError


@pytest.fixture
def load():
    """load(text, *classes, **options): the Loaded of a text, with only these classes registered."""

    def load(text, *classes, environ=None, **options):
        registry = Registry(decorated={})
        for cls in classes:
            registry.add(cls)
        return load_text(text, registry, name="c.yaml", environ=environ or {}, **options)

    return load


@pytest.fixture
def problems(load):
    """problems(text, *classes): the problems of a text; fails when there are none."""

    def problems(text, *classes, **options):
        with pytest.raises(ConfigLoadError) as caught:
            load(text, *classes, **options)
        assert caught.value.problems
        return caught.value.problems

    return problems


@pytest.fixture
def only_problem(problems):
    """The one problem of a text; fails when there are more."""

    def only_problem(text, *classes, **options):
        found = problems(text, *classes, **options)
        assert len(found) == 1, found
        return found[0]

    return only_problem


@pytest.fixture
def build(load):
    """build(annotation, yaml): what a constructor receives for a field with this annotation."""

    def build(annotation, text, *classes, **options):
        loaded = load(f"runner: !Holder\n  x: {text}\n", holder(annotation), *classes, **options)
        return loaded.runner.x

    return build


@pytest.fixture
def refuse(only_problem):
    """refuse(annotation, yaml): the message for a field with this annotation."""

    def refuse(annotation, text, *classes, **options):
        text = f"runner: !Holder\n  x: {text}\n"
        return only_problem(text, holder(annotation), *classes, **options)

    return refuse


def holder(annotation):
    """A runner class with one field ``x`` of the given annotation."""

    class Holder:
        def __init__(self, x):
            self.x = x

        def run(self):
            return 0

    Holder.__init__.__annotations__["x"] = annotation
    return Holder
