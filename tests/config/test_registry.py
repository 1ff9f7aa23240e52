"""Which class a tag names: --register, @register, installed packages, built-in ones."""

import importlib
import logging
import sys
import textwrap
from importlib.metadata import EntryPoint

import pytest

from wca import components
from wca.components import BUILT_IN, ENTRY_POINTS, load_registry
from wca.config import register
from wca.config.importing import load_class
from wca.config.loader import load_text
from wca.config.registry import Registry, class_defect
from wca.config.types import Numeric
from wca.errors import ConfigLoadError


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """modules(name, text): a plugin file in a folder where Python looks."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def modules(name, text):
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
        importlib.invalidate_caches()
        return str(path)

    yield modules
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(
            sys.modules[name].__file__
        ):
            del sys.modules[name]


RUNNER = """
    class RegisteredRunner:
        def run(self):
            return 0
"""


def refused(spec):
    with pytest.raises(ConfigLoadError) as caught:
        load_class(spec)
    return str(caught.value)


def test_a_class_is_found_in_a_module_and_in_a_package(modules):
    modules("plug_one", RUNNER)
    modules("plug_pack/inner", RUNNER)
    assert load_class("plug_one:RegisteredRunner").__module__ == "plug_one"
    assert load_class("plug_pack.inner:RegisteredRunner").__module__ == "plug_pack.inner"


@pytest.mark.parametrize(
    "spec", ["", "a", "a:", ":B", "a:B:C", "a/b.py:C", "a b:C", "a..b:C", "1a:B"]
)
def test_a_text_of_another_form_says_the_form(spec):
    assert refused(spec) == f"{spec!r} is not of the form module:Class or package.module:Class"


def test_a_dot_where_the_colon_belongs_gets_the_right_form():
    assert refused("plugins.storage.Mirror").endswith(", did you mean plugins.storage:Mirror?")


def test_a_missing_module_gets_the_nearest_one(modules):
    modules("plug_hello", RUNNER)
    modules("plug_pack/inner", RUNNER)
    assert refused("plug_helo:Foo") == "there is no module 'plug_helo', did you mean plug_hello?"
    assert (
        refused("plug_pack.iner:Foo")
        == "there is no module 'plug_pack.iner', did you mean plug_pack.inner?"
    )
    assert refused("qqqqqqq:Foo") == "there is no module 'qqqqqqq', put its folder into PYTHONPATH"
    assert (
        refused("qqqqqqq.a:Foo") == "there is no module 'qqqqqqq', put its folder into PYTHONPATH"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "import os\nimport plug_absent\n",
            ":2: ModuleNotFoundError: No module named 'plug_absent'",
        ),
        ("\n\n1 / 0\n", ":3: ZeroDivisionError: division by zero"),
        ("def f(:\n", ":1: SyntaxError: invalid syntax"),
        ("import sys\nsys.exit(3)\n", ":2: SystemExit: 3"),
        ("from os import absent\n", ":1: ImportError: cannot import name 'absent' from 'os'"),
    ],
)
def test_a_module_that_fails_to_import_says_where(modules, text, words):
    path = modules("plug_faulty", text)
    message = refused("plug_faulty:Foo")
    assert message.startswith(f"importing plug_faulty failed at {path}{words}")


def test_a_failure_further_down_names_the_line_of_the_plugin_too(modules):
    inner = modules("plug_inner", "\n\n1 / 0\n")
    outer = modules("plug_outer", "import os\nimport plug_inner\n")
    assert refused("plug_outer:Foo") == (
        f"importing plug_outer failed at {outer}:2 (raised at {inner}:3): "
        "ZeroDivisionError: division by zero"
    )


def test_a_module_that_is_imported_anew_replaces_its_own_classes(modules):
    text = (
        "from wca.config import register\n@register\nclass PlugAnew:\n    def run(self): return 0\n"
    )
    modules("plug_anew", text)
    load_class("plug_anew:PlugAnew")
    importlib.reload(sys.modules["plug_anew"])
    assert (
        type(load_text("runner: !PlugAnew", Registry()).runner) is sys.modules["plug_anew"].PlugAnew
    )


def test_a_missing_class_gets_the_nearest_one(modules):
    modules("plug_one", RUNNER + "    number = 5\n")
    assert refused("plug_one:RegisterdRunner") == (
        "the module plug_one has no class 'RegisterdRunner', did you mean RegisteredRunner?"
    )
    assert refused("plug_one:number").startswith("plug_one:number is a int and not a class")


def test_all_bad_specs_are_reported_at_once():
    with pytest.raises(ConfigLoadError) as caught:
        load_registry(["a", "qqqqqqq:Foo"], ())
    assert caught.value.problems == [
        "--register a: 'a' is not of the form module:Class or package.module:Class",
        "--register qqqqqqq:Foo: there is no module 'qqqqqqq', put its folder into PYTHONPATH",
    ]


def test_a_registered_class_is_a_tag(modules):
    modules("plug_one", RUNNER)
    registry = load_registry(["plug_one:RegisteredRunner"], ())
    assert load_text("runner: !RegisteredRunner", registry).runner.run() == 0


def test_the_decorator_makes_a_tag_of_whatever_a_registered_module_holds(modules):
    modules("plug_one", RUNNER)
    modules(
        "plug_marked",
        """
        from wca.config import register
        from plug_one import RegisteredRunner

        @register
        class PlugMarked:
            def __init__(self, x: int = 0): self.x = x

        @register(strict_mode=False)
        class PlugLoose:
            def __init__(self, x=0): self.x = x

        class PlugStrict:
            def __init__(self, x=0): self.x = x

        @register()
        class PlugRunner:
            def __init__(self, a: object, b: object = None): self.a, self.b = a, b
            def run(self): return 0
        """,
    )
    registry = load_registry(["plug_marked:PlugStrict"], ())
    text = "runner: !PlugRunner\n  a: !PlugMarked {x: 1}\n  b: !PlugLoose {x: [anything]}\n"
    runner = load_text(text, registry).runner
    assert (runner.a.x, runner.b.x) == (1, ["anything"])
    assert load_text(text, Registry()).runner.a.x == 1
    with pytest.raises(ConfigLoadError) as caught:
        load_text("runner: !PlugRunner {a: !PlugStrict {x: 1}}", registry)
    assert caught.value.problems == [
        (
            "<text>:1:41: runner.a.x: the parameter 'x' of plug_marked:PlugStrict has no annotation: "
            "give it one, or use @register(strict_mode=False)"
        )
    ]


def test_the_decorator_returns_the_class():
    class PlugReturned:
        pass

    assert register(PlugReturned) is PlugReturned
    assert register(strict_mode=False)(PlugReturned) is PlugReturned


def test_two_registered_classes_of_one_name_are_an_error_that_names_both(modules):
    modules("plug_one", RUNNER)
    modules("plug_two", RUNNER)
    with pytest.raises(ConfigLoadError) as caught:
        load_registry(["plug_one:RegisteredRunner", "plug_two:RegisteredRunner"], ())
    assert caught.value.problems == [
        (
            "--register plug_two:RegisteredRunner: !RegisteredRunner names several classes: "
            "plug_one:RegisteredRunner (--register plug_one:RegisteredRunner), "
            "plug_two:RegisteredRunner (--register plug_two:RegisteredRunner); "
            "rename one or register only one"
        )
    ]


def test_the_same_class_by_two_ways_is_one_class(modules):
    modules("plug_one", RUNNER)
    modules("plug_again", "from plug_one import RegisteredRunner\n")
    point = EntryPoint("RegisteredRunner", "plug_one:RegisteredRunner", ENTRY_POINTS)
    registry = load_registry(["plug_one:RegisteredRunner", "plug_again:RegisteredRunner"], [point])
    assert load_text("runner: !RegisteredRunner", registry).runner


def test_an_installed_component_is_imported_when_it_is_named(modules):
    modules("plug_one", RUNNER)
    registry = load_registry(
        (), [EntryPoint("RegisteredRunner", "plug_one:RegisteredRunner", ENTRY_POINTS)]
    )
    assert "RegisteredRunner" in registry.tags()
    assert "plug_one" not in sys.modules
    assert load_text("runner: !RegisteredRunner", registry).runner


def test_an_installed_and_a_registered_class_of_one_name_are_an_error(modules):
    modules("plug_one", RUNNER)
    point = EntryPoint("RegisteredRunner", "plug_two:RegisteredRunner", ENTRY_POINTS)
    with pytest.raises(ConfigLoadError, match=r"plug_two:RegisteredRunner \(installed\)"):
        load_registry(["plug_one:RegisteredRunner"], [point])


def test_two_installed_classes_of_one_name_are_an_error():
    points = [EntryPoint("Foo", value, ENTRY_POINTS) for value in ("a:Foo", "b:Foo", "a:Foo")]
    with pytest.raises(ConfigLoadError) as caught:
        load_registry((), points)
    assert caught.value.problems == [
        "two installed packages have a component !Foo: a:Foo and b:Foo; remove one of them"
    ]


def test_an_installed_component_that_is_broken_is_a_problem_of_who_names_it(modules):
    modules("plug_faulty", "1 / 0\n")
    registry = load_registry((), [EntryPoint("PlugFaulty", "plug_faulty:PlugFaulty", ENTRY_POINTS)])
    with pytest.raises(
        ConfigLoadError, match=r"^<text>:1:9: runner: importing plug_faulty failed at"
    ):
        load_text("runner: !PlugFaulty", registry)


def test_a_class_may_replace_a_built_in_one_and_that_is_said_once(modules, caplog):
    modules("plug_log", "class LogStorage:\n    def run(self): return 0\n")
    with caplog.at_level(logging.INFO, "wca"):
        registry = load_registry(["plug_log:LogStorage"], ())
        for _ in range(3):
            runner = load_text("runner: !LogStorage", registry).runner
    assert type(runner).__module__ == "plug_log"
    assert [record.getMessage() for record in caplog.records] == [
        "!LogStorage is plug_log:LogStorage and replaces the built-in wca.storage.log:LogStorage"
    ]


def test_registering_a_built_in_class_replaces_nothing(caplog):
    with caplog.at_level(logging.INFO, "wca"):
        load_registry(["wca.storage.log:LogStorage"], ())
    assert caplog.records == []


def test_a_default_that_its_own_annotation_refuses_is_found_at_registration(modules):
    modules(
        "plug_default",
        """
        from wca.config import Numeric
        class PlugDefault:
            def __init__(self, interval: Numeric(0, 60) = 99): pass
        """,
    )
    with pytest.raises(ConfigLoadError) as caught:
        load_registry(["plug_default:PlugDefault"], ())
    assert caught.value.problems == [
        (
            "--register plug_default:PlugDefault: plug_default:PlugDefault cannot be a component: the "
            "default of 'interval' does not fit its annotation: expected a number between 0 and 60, "
            "got the number 99"
        )
    ]


def test_a_default_of_none_fits_everything():
    class Foo:
        def __init__(self, x: Numeric(0, 60) = None):
            pass

    assert class_defect(Foo) == ""


@pytest.mark.parametrize("entry", BUILT_IN, ids=lambda entry: entry.tag)
def test_every_entry_of_the_catalogue_is_a_class_that_a_file_can_build(entry):
    registry = load_registry((), ())
    component = registry.find(entry.tag)
    assert component.origin == "built-in"
    assert component.cls.__name__ == entry.tag
    assert component.cls.__doc__
    assert entry.summary
    assert not entry.summary.endswith(".")


def test_the_catalogue_imports_nothing_before_it_is_asked(tmp_path):
    import subprocess

    code = (
        "import sys, wca.components as c; c.load_registry((), ());"
        "print([n for n in sys.modules if n.startswith('wca.') and n.split('.')[1] not in "
        "('components', 'config', 'errors', 'lazy', 'logger', 'security', 'version')],"
        "[n for n in ('requests', 'psutil', 'ruamel') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] []\n"


def test_tags_are_unique():
    assert len({entry.tag for entry in components.BUILT_IN}) == len(components.BUILT_IN)
