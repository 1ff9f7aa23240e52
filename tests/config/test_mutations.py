"""Every way to spoil one node of a shipped configuration: the report points at what was spoilt."""

import pathlib
import random
import re
from dataclasses import dataclass

import pytest
from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from wca.components import load_registry
from wca.config.loader import load_text
from wca.config.nodes import children
from wca.config.problems import Problems
from wca.config.reader import Reader
from wca.errors import ConfigLoadError

REPOSITORY = pathlib.Path(__file__).parents[2]
#: Folders of files that describe no runner: what `wca wrap` and what Kubernetes takes.
OTHERS = ("wrapping", "deploy")
CONFIGS = sorted(
    path
    for path in (REPOSITORY / "configs").glob("**/*.yaml")
    if path.relative_to(REPOSITORY / "configs").parts[0] not in OTHERS
)
#: A rule that its runner, or its allocator, cannot use: told where that is, with its place.
IN_WORDS = r": allocator: rules\[\d+\]\.|: !WorkerMonitoringRunner: rules\[\d+\]"
EXAMPLES = (
    "hello_world_runner:HelloWorldRunner",
    "http_storage:HTTPStorage",
    "waits_for_cpu:WaitsForCpu",
)
ENVIRON = {"WCA_DEMO_TASK": "/demo"}


@pytest.fixture(scope="module")
def registries():
    """Of the built-in components, and with those of the examples; theirs come before ours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY / "examples"))
        yield load_registry((), ()), load_registry(EXAMPLES, ())


@pytest.fixture
def registry(registries, request):
    path = request.node.callspec.params["path"] if hasattr(request.node, "callspec") else None
    return registries[path is not None and path.parent.name in ("extending", "detecting")]


@dataclass
class Spot:
    """One node of a file: where it is and what may be done to it."""

    path: tuple
    begin: int
    end: int
    first_line: int
    last_line: int
    parent: tuple
    tag: str
    key: tuple | None
    field: bool


def spots(text):
    """All nodes of a text, from the YAML library itself."""
    found = []

    def walk(node, path, parent, key, field):
        begin, end = node.start_mark.index, node.end_mark.index
        body = text[begin:end].rstrip()
        kept = re.sub(r"(\s*#[^\n]*\s*)+$", "", body) if not isinstance(node, ScalarNode) else body
        end = begin + len(kept)
        found.append(
            Spot(
                path,
                begin,
                end,
                (key or node).start_mark.line + 1,
                text.count("\n", 0, end) + 1,
                parent,
                node.tag if node.tag.startswith("!") else "",
                (key.start_mark.index, key.end_mark.index) if key is not None else None,
                field,
            )
        )
        own = ((key or node).start_mark.index, end) if path else (0, len(text))
        if isinstance(node, MappingNode):
            component = node.tag.startswith("!") or not path
            for key_node, child in node.value:
                walk(child, (*path, key_node.value), own, key_node, component)
        elif isinstance(node, SequenceNode):
            for index, child in enumerate(node.value):
                walk(child, (*path, index), own, None, False)

    walk(YAML(typ="safe", pure=True).compose(text), (), (0, len(text)), None, False)
    return found


def mutations(text):
    """(what was done, spot, whether it must be noticed, the new text) for every node."""
    lines = text.splitlines(keepends=True)
    for spot in spots(text)[1:]:
        begin = spot.key[0] if spot.key else spot.begin
        yield "delete", spot, False, text[:begin] + text[spot.end :]
        yield "empty", spot, False, text[: spot.begin] + text[spot.end :]
        for other in ("[1, 2]", "{a: b}", "5", "true", "'a text'", "2020-01-01", "1.10", "null"):
            yield f"retype to {other}", spot, False, text[: spot.begin] + other + text[spot.end :]
        if spot.key:
            middle = sum(spot.key) // 2
            yield "misspell key", spot, spot.field, text[:middle] + "q" + text[middle:]
        if spot.tag and spot.tag != "!Env":
            middle = spot.begin + 3
            yield "misspell tag", spot, True, text[:middle] + "q" + text[middle:]
            bare = spot.end - spot.begin == len(spot.tag)  # what is left is null, which may be fine
            yield (
                "remove tag",
                spot,
                not bare,
                text[: spot.begin] + text[spot.begin + len(spot.tag) :],
            )
        elif not spot.tag:
            yield "add tag", spot, True, text[: spot.begin] + "!LogStorag " + text[spot.begin :]
            yield "misspell value", spot, False, text[: spot.begin] + "q" + text[spot.begin :]
        block = lines[spot.first_line - 1 : spot.last_line]
        before, after = lines[: spot.first_line - 1], lines[spot.last_line :]
        yield "duplicate", spot, bool(spot.key), "".join([*before, *block, *block, *after])
        for shift in (1, 2):
            moved = [" " * shift + block[0], *block[1:]]
            yield f"indent by {shift}", spot, False, "".join([*before, *moved, *after])
            moved = [" " * shift + line for line in block]
            yield f"indent all by {shift}", spot, False, "".join([*before, *moved, *after])
            moved = [line.removeprefix(" " * shift) for line in block]
            yield f"outdent by {shift}", spot, False, "".join([*before, *moved, *after])


def meaning(text):
    """Every leaf of a document: path to tag and value."""
    leaves = {}
    problems = Problems()

    def walk(node, path):
        below = list(children(node))
        leaves[path] = (node.tag, type(node).__name__, getattr(node, "value", None))
        for key, child in below:
            walk(child, (*path, key))

    walk(Reader(lambda path: b"", problems).text(text.encode(), "c.yaml"), ())
    assert len(problems) == 0
    return leaves


def outcome(text, registry):
    """The component tree of a text and its problems; one of the two is empty."""
    try:
        return load_text(text, registry, name="c.yaml", environ=ENVIRON).tree, []
    except ConfigLoadError as error:
        return "", error.problems


def check(mutated, what, spot, must_fail, text, original, registry):
    where = f"{what} at {spot.path}:\n{mutated}"
    tree, problems = outcome(mutated, registry)
    if problems:
        begin = text.count("\n", 0, spot.parent[0]) + 1
        end = text.count("\n", 0, spot.parent[1]) + 1 + spot.last_line - spot.first_line + 1
        # What is seen by whoever uses a component is told there, with the place in words.
        told = [one for one in problems if not re.search(IN_WORDS, one)]
        for problem in told:
            found = re.match(r"c\.yaml:(\d+):(\d+): ", problem)
            assert found, problem
            # YAML notices a spoilt structure at the next token, which may follow comments.
            last = end + 1 if "not valid YAML" not in problem else len(text.splitlines()) + 2
            assert begin <= int(found[1]) <= last, f"{problem}\n{where}"
        return "reported"
    assert not must_fail, f"not noticed: {where}"
    if sorted(tree.splitlines()) == sorted(original.splitlines()):
        return "the same"
    before, after = meaning(text), meaning(mutated)
    parent = spot.path[:-1]
    changed = [
        path
        for path in {*before, *after}
        if before.get(path) != after.get(path) and path[: len(parent)] != parent
    ]
    assert not changed, f"changed {changed}: {where}"
    return "accepted"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_spoilt_node_is_reported_where_it_is_or_changes_nothing_else(path, registry):
    text = path.read_text()
    original = load_text(text, registry, name="c.yaml", environ=ENVIRON).tree
    results = [
        check(mutated, what, spot, must_fail, text, original, registry)
        for what, spot, must_fail, mutated in mutations(text)
    ]
    assert results.count("reported") > len(results) / 4


def test_there_are_configurations():
    assert len(CONFIGS) >= 3


def test_ten_thousand_random_bytes_make_nothing_but_reports(registry):
    chance = random.Random(20240607)
    texts = [path.read_bytes() for path in CONFIGS]
    reported = 0
    for _ in range(10_000):
        data = bytearray(chance.choice(texts))
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            position = chance.randrange(len(data))
            action = chance.randrange(3)
            byte = chance.choice(
                (chance.randrange(256), ord(chance.choice("\t !&*[]{}:-#|>'\"%@`\n\0?,")))
            )
            if action == 0:
                data[position] = byte
            elif action == 1:
                data.insert(position, byte)
            elif len(data) > 1:
                del data[position]
        tree, problems = outcome(bytes(data), registry)
        reported += bool(problems)
        assert tree or problems
        assert all(re.match(r"\S*c\.yaml:\d+:\d+: ", problem) for problem in problems)
    assert reported > 1000
