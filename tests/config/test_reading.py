"""Files that are not what they should be: each comes out as one line with a place."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wca.config.loader import load_config, load_text
from wca.config.registry import Registry
from wca.errors import ConfigLoadError


class Foo:
    def __init__(self, x: object = None, y: object = None):
        self.x, self.y = x, y

    def run(self):
        return 0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("runner: [", "c.yaml:1:10: not valid YAML: "),
        ("runner: a: b", "c.yaml:1:10: not valid YAML: mapping values are not allowed here, quote"),
        ("runner:\n\t- b", "c.yaml:2:1: not valid YAML: while scanning for the next token"),
        ("runner:\n\t- b", "indented with spaces, not with tabs"),
        ("--- !Foo\n--- !Foo", "c.yaml:2:1: not valid YAML: "),
        ("--- !Foo\n--- !Foo", "one file holds one document"),
        ("runner: *q", "c.yaml:1:9: not valid YAML: found undefined alias 'q'"),
        ('runner: "\\xqq"', "c.yaml:1:12: not valid YAML: "),
        ("runner: {a: 1\nb: 2", "c.yaml:2:2: not valid YAML: "),
        ("a: 1\nb: \x01", "c.yaml:2:4: the character '\\x01' is not allowed"),
        ("a: 1\nb: \x00", "c.yaml:2:4: the character '\\x00' is not allowed"),
        (b"a: 1\nb: \xff", "c.yaml:2:4: not UTF-8 text"),
        (b"\xff\xfea\x00", "c.yaml:1:1: not UTF-8 text"),
        ("", "c.yaml:1:1: the file is empty, write runner:"),
        ("# nothing", "c.yaml:1:1: the file is empty"),
        ("[]", "c.yaml:1:1: expected a mapping, write runner:"),
        ("!Foo", "c.yaml:1:1: expected a mapping, write runner:"),
        ("!Foo\nrunner: !Foo", "c.yaml:1:1: expected a mapping, write runner:"),
        ("text", "c.yaml:1:1: expected a mapping, write runner:"),
        ("loggers: {}", "c.yaml:1:1: the field 'runner' is missing"),
        ("runner: !Foo\nruner: 5", "c.yaml:2:1: runer: the top level has no field 'runer', did"),
        (
            "runner: !Foo\nrunner: !Foo",
            "c.yaml:2:1: runner: the key 'runner' is given twice (first at line 1)",
        ),
        (
            "runner: !Foo\n  ? [a]\n  : b",
            "c.yaml:2:5: runner: a key is a word or a number, put it in quotes",
        ),
        ("runner: !Foo\n  x: {2020-01-01: b}", "c.yaml:2:7: runner.x: a key is a word or a number"),
        (
            "runner: !Foo\n  x: &a [*a]",
            "c.yaml:2:6: runner.x[0]: an alias cannot stand inside its own anchor",
        ),
        (
            "runner: &a !Foo\n  x: {y: *a}",
            "c.yaml:1:9: runner.x.y: an alias cannot stand inside its own anchor",
        ),
        (
            "runner: !Foo\n  x: !!python/name:os.system",
            "c.yaml:2:6: runner.x: the tag !!python/name:os.system is not known",
        ),
        (
            "runner: !Foo\n  x: !!python/object/apply:os.system [ls]",
            "c.yaml:2:6: runner.x: the tag !!python",
        ),
        ("runner: !Foo\n  x: !!binary aGk=", "the tag !!binary is not known"),
        ("runner: !Foo\n  x: !!int abc", "c.yaml:2:6: runner.x: cannot be read as int"),
        ("runner: !Foo\n  x: " + "9" * 5000, "c.yaml:2:6: runner.x: cannot be read as int"),
        ("runner: !Foo\n  x: {<<: 5}", "c.yaml:2:11: runner.x: '<<' takes a mapping"),
        ("runner: !Foo\n  x: {<<: [5]}", "c.yaml:2:12: runner.x: '<<' takes a mapping"),
        ("runner:", "c.yaml:1:1: runner: expected a runner, got nothing (null); write runner:"),
        ("runner: Foo", "c.yaml:1:9: runner: expected a runner, got the text 'Foo'"),
        ("runner: {x: 1}", "c.yaml:1:9: runner: expected a runner, got a mapping"),
        ("runner: [!Foo ]", "c.yaml:1:9: runner: expected a runner, got a list"),
        (
            "runner: !Foo 5",
            "c.yaml:1:9: runner: !Foo takes fields (name: value, one per line below",
        ),
        ("runner: !Foo [a]", "c.yaml:1:9: runner: !Foo takes fields (name: value), not a list"),
    ],
)
def test_each_way_to_break_a_file_has_its_line(only_problem, text, problem):
    assert problem in only_problem(text, Foo)


def test_a_unicode_mark_at_the_beginning_is_no_problem(load):
    assert load(b"\xef\xbb\xbfrunner: !Foo", Foo).runner


def test_a_component_that_cannot_run_is_no_runner(only_problem):
    class Storage:
        pass

    assert "expected a runner, got a Storage" in only_problem("runner: !Storage", Storage)


def test_all_problems_of_a_file_come_in_one_run_and_in_order(problems):
    text = "runner: !Foo\n  x: !Bar\n    a: !Baz\n  z: 1\n  x: 2\nother: 1\nloggers: {wca: loud}\n"
    assert [line.split(" ")[0] for line in problems(text, Foo)] == [
        "c.yaml:2:6:",
        "c.yaml:3:8:",
        "c.yaml:4:3:",
        "c.yaml:5:3:",
        "c.yaml:6:1:",
        "c.yaml:7:16:",
    ]


def test_a_report_has_a_greatest_length(problems):
    text = "runner: !Foo\n" + "".join(f"other{number}: 1\n" for number in range(500))
    found = problems(text, Foo)
    assert len(found) == 201
    assert found[-1] == "... and 300 more problems"
    assert len(problems("runner: !Foo {" + "z" * 5000 + ": 1}", Foo)[0]) < 1000


def test_levels_of_loggers_are_validated(load, problems):
    assert load("runner: !Foo\nloggers: {wca: debug, a.b: TRACE}", Foo).loggers == {
        "wca": "DEBUG",
        "a.b": "TRACE",
    }
    assert problems("runner: !Foo\nloggers: {wca: 5, 7: info, b: [x]}", Foo) == [
        (
            "c.yaml:2:16: loggers.wca: unknown log level 5: use one of critical, error, warning, info, "
            "debug, trace"
        ),
        "c.yaml:2:22: loggers[7]: the module is a name, put the number 7 in quotes",
        (
            "c.yaml:2:31: loggers.b: unknown log level ['x']: use one of critical, error, warning, "
            "info, debug, trace"
        ),
    ]


def test_loggers_are_a_mapping(only_problem):
    assert "c.yaml:2:10: loggers: expected a mapping of modules to levels" in only_problem(
        "runner: !Foo\nloggers: [1]", Foo
    )


def test_nesting_has_a_limit(load, only_problem):
    assert load("runner: !Foo {x: " + "[" * 61 + "]" * 61 + "}", Foo)
    for opened in ("[" * 70, "[" * 5000, "{a: " * 100):
        assert "maximum depth" in only_problem("runner: !Foo {x: " + opened, Foo)


def test_nesting_through_aliases_has_the_same_limit(problems):
    lines = ["runner: !Foo", "  x:", "    - &a0 []"]
    lines += [f"    - &a{level} [*a{level - 1}]" for level in range(1, 200)]
    found = problems("\n".join(lines), Foo)
    assert "nested more than 64 levels deep through aliases" in found[0]
    assert found[0].startswith("c.yaml:63:7: ")


def test_a_billion_laughs_stay_small(load):
    lines = ["runner: !Foo", "  x:", "    - &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    lines += [f"    - &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)]
    begin = time.process_time()
    loaded = load("\n".join(lines), Foo)
    assert len(loaded.tree) < 1_000_000
    assert loaded.runner.x[19][0] is loaded.runner.x[18]
    assert time.process_time() - begin < 30  # it would be hours


def test_a_file_has_a_greatest_size(tmp_path, only_problem):
    text = "runner: !Foo\n#" + "x" * 1_000_000
    assert "larger than 1000000 bytes" in only_problem(text, Foo)
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigLoadError, match="is larger than 1000000 bytes"):
        load_config(str(path))


def test_a_directive_does_not_matter_and_an_unknown_one_neither(load):
    assert load("%FOO bar\n---\nrunner: !Foo", Foo).runner


def test_an_anchor_that_is_given_twice_is_a_warning(load, caplog):
    assert load("runner: !Foo {x: &a 1, y: [&a 2, *a]}", Foo).runner.y == [2, 2]
    assert "c.yaml: found duplicate anchor 'a'" in caplog.text


def test_merge_keys_bring_in_fields_and_own_fields_win(load):
    text = """
runner: !Foo
  x:
    - &one {a: 1, b: 1}
    - &two {b: 2, c: 2}
    - {<<: [*one, *two], c: 3}
    - {c: 4, <<: *one}
  y: !Foo
    <<: {x: 5}
    y: 6
"""
    runner = load(text, Foo).runner
    assert runner.x[2] == {"a": 1, "b": 1, "c": 3}
    assert runner.x[3] == {"a": 1, "b": 1, "c": 4}
    assert (runner.y.x, runner.y.y) == (5, 6)


def test_yaml_is_version_1_2(load):
    assert load("runner: !Foo {x: [yes, off, 012, 0o14, 1e3, 22:22, 2020-01-01x]}", Foo).runner.x == [
        "yes", "off", 12, 12, 1000.0, "22:22", "2020-01-01x",
    ]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """write(name, text): a file in a folder of the test's own; load(name): what it describes."""

    class Folder:
        path = tmp_path

        def write(self, name, text):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)

        def load(self, name, **options):
            registry = Registry(decorated={})
            registry.add(Foo)
            return load_config(str(tmp_path / name), registry, **options)

        def problems(self, name, **options):
            with pytest.raises(ConfigLoadError) as caught:
                self.load(name, **options)
            return [line.removeprefix(f"{tmp_path}/") for line in caught.value.problems]

    return Folder()


def test_an_included_file_is_found_beside_the_including_one(folder):
    folder.write("c.yaml", "runner: !Foo\n  x: !File sub/x.yaml\n  y: !File sub/z.yaml\n")
    folder.write("sub/x.yaml", "- 1\n- !File y.yaml\n")
    folder.write("sub/y.yaml", "!Foo {x: 2}")
    folder.write("sub/z.yaml", "")
    runner = folder.load("c.yaml").runner
    assert runner.x[0] == 1
    assert runner.x[1].x == 2
    assert runner.y is None


def test_an_included_mapping_can_be_merged(folder):
    folder.write("c.yaml", "runner: !Foo\n  <<: !File common.yaml\n  y: 2\n")
    folder.write("common.yaml", "x: 1\ny: 1\n")
    runner = folder.load("c.yaml").runner
    assert (runner.x, runner.y) == (1, 2)


def test_a_problem_in_an_included_file_names_that_file(folder):
    folder.write("c.yaml", "runner: !Foo\n  x: !File sub/x.yaml\n")
    folder.write("sub/x.yaml", "a: 1\nb: !Foo\n  z: 1\n")
    assert folder.problems("c.yaml") == [
        "sub/x.yaml:3:3: runner.x.b.z: !Foo has no field 'z'; known: x, y"
    ]
    folder.write("sub/x.yaml", "a: 1\na: [\n")
    assert folder.problems("c.yaml")[0].startswith("sub/x.yaml:3:1: runner.x: not valid YAML: ")


def test_includes_in_a_circle_are_a_problem(folder):
    folder.write("c.yaml", "runner: !Foo\n  x: !File d.yaml\n")
    folder.write("d.yaml", "a: !File ./c.yaml\n")
    assert folder.problems("c.yaml") == [
        "d.yaml:1:4: runner.x.a: !File ./c.yaml includes itself, remove one of the two"
    ]


def test_includes_have_a_greatest_depth_and_number(folder):
    folder.write("c.yaml", "runner: !Foo\n  x: !File 0.yaml\n")
    for number in range(20):
        folder.write(f"{number}.yaml", f"!File {number + 1}.yaml")
    assert folder.problems("c.yaml") == [
        "6.yaml:1:1: runner.x: !File is nested more than 8 files deep",
    ]
    folder.write("many.yaml", "runner: !Foo\n  x:\n" + "  - !File empty.yaml\n" * 200)
    folder.write("empty.yaml", "")
    assert (
        folder.problems("many.yaml")[0]
        == "many.yaml:102:5: runner.x[99]: more than 100 files are included"
    )


def test_an_include_of_nothing_is_a_problem(folder):
    folder.write("c.yaml", "runner: !Foo\n  x: !File absent.yaml\n  y: !File\n")
    first, second = folder.problems("c.yaml")
    assert first.startswith("c.yaml:2:6: runner.x: !File absent.yaml: ")
    assert first.endswith("there is no such file")
    assert second == "c.yaml:3:6: runner.y: !File takes a path, as in: !File tasks.yaml"
    folder.write("c.yaml", "runner: !Foo\n  x: !File [a]\n")
    assert "takes a path" in folder.problems("c.yaml")[0]


def test_an_included_file_must_be_as_safe_as_the_first_one(folder):
    folder.write("c.yaml", "runner: !Foo\n  x: !File x.yaml\n")
    folder.write("x.yaml", "1")
    (folder.path / "c.yaml").chmod(0o644)
    (folder.path / "x.yaml").chmod(0o666)
    assert folder.load("c.yaml").runner.x == 1
    assert "chmod go-w" in folder.problems("c.yaml", here=True)[0]


_pieces = st.sampled_from(
    ["runner", ": ", "!Foo", "\n", "  ", "x", "- ", "[", "]", "{", "}", ",", "&a ", "*a", "<<", "!Env ",
     "!File ", "c.yaml", "|", ">", "'", '"', "#", "---", "%", "? ", "!!str ", "!<", "\t", "é", "\0", "1", "${A}"],
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(_pieces, max_size=20).map("".join) | st.text(max_size=40) | st.binary(max_size=40))
def test_no_text_makes_anything_but_a_report(text):
    registry = Registry(decorated={})
    registry.add(Foo)
    problems = []
    try:
        assert isinstance(
            load_text(text, registry, name="c.yaml", environ={}, here=True).runner, Foo
        )
    except ConfigLoadError as error:
        problems = error.problems
    assert all(problem.startswith(("c.yaml:", "./")) for problem in problems)
    assert all(problem.isprintable() for problem in problems)
