"""`wca schema`: what editors know of a configuration file."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.config.language_server import LanguageServer
from wca.components import BUILT_IN
from wca.main import main

CONFIGS = sorted((Path(__file__).parents[2] / "configs").rglob("*.yaml"))
#: Those with a runner that name no class of somebody else.
OURS = [
    path
    for path in CONFIGS
    if "\nrunner:" in (text := path.read_text())
    and not re.search(r"!(HelloWorldRunner|HTTPStorage\w+|WaitsForCpu)\b", text)
]


def printed(capsys, *options):
    assert main(["schema", *options]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def schema(capsys):
    return printed(capsys)


def references(value):
    """All ``$ref`` in a schema."""
    if isinstance(value, dict):
        yield from ([value["$ref"]] if "$ref" in value else [])
        value = list(value.values())
    for one in value if isinstance(value, list) else []:
        yield from references(one)


def test_every_component_is_in_it_and_every_reference_leads_somewhere(schema):
    # Other tests may have registered classes of their own in this process.
    assert schema["definitions"].keys() >= {entry.tag for entry in BUILT_IN}
    assert {one.rpartition("/")[2] for one in references(schema)} <= schema["definitions"].keys()


def test_a_field_has_its_meaning_its_bounds_and_its_default(schema):
    interval = schema["definitions"]["MeasurementRunner"]["properties"]["interval"]
    assert interval["type"] == ["number", "string"]
    assert interval["default"] == 1.0
    assert interval["description"].startswith("time between two measurements")
    readings = schema["definitions"]["SuppressAllocator"]["properties"]["readings"]
    assert (readings["minimum"], readings["maximum"]) == (1, 60)


def test_a_field_for_a_component_takes_those_that_fit(schema):
    node = schema["definitions"]["MeasurementRunner"]["properties"]["node"]
    names = {one.rpartition("/")[2] for one in references(node)}
    assert {"StaticNode", "KubernetesNode"} <= names
    assert "LogStorage" not in names


def test_a_class_of_ones_own_is_in_it(capsys, tmp_path, monkeypatch):
    (tmp_path / "own_schema_part.py").write_text(
        "from wca.storage import Storage\n\n"
        "class OwnSchemaPart(Storage):\n    def __init__(self, size: int): pass\n"
        "    def store(self, metrics): pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    schema = printed(capsys, "-r", "own_schema_part:OwnSchemaPart")
    assert schema["definitions"]["OwnSchemaPart"]["required"] == ["size"]
    storage = schema["definitions"]["MeasurementRunner"]["properties"]["metrics_storage"]
    assert "#/definitions/OwnSchemaPart" in set(references(storage))


def test_an_editor_is_told_every_tag(capsys):
    tags = printed(capsys, "--vscode")["yaml.customTags"]
    assert {one.split()[0] for one in tags} >= {f"!{entry.tag}" for entry in BUILT_IN} | {
        "!Env",
        "!File",
    }


@pytest.mark.slow
class TestLanguageServer:
    @pytest.fixture(scope="class")
    def server(self, tmp_path_factory):
        command = [sys.executable, "-m", "wca", "schema"]
        schema, settings = (
            json.loads(subprocess.run([*command, *options], check=True, capture_output=True).stdout)
            for options in ((), ("--vscode",))
        )
        server = LanguageServer(settings, schema, tmp_path_factory.mktemp("schema"))
        yield server
        server.close()

    @pytest.mark.parametrize("path", OURS, ids=lambda one: one.stem)
    def test_a_configuration_that_is_shipped_has_no_problem(self, server, path):
        assert server.problems(f"{path.stem}.yaml", path.read_text()) == []

    @pytest.mark.parametrize(
        ("text", "line", "word"),
        [
            (
                "runner: !MeasurementRunner\n  node: !StaticNode {tasks: []}\n  intervl: 1\n",
                3,
                "intervl",
            ),
            ("runner: !MeasurementRunner\n  node: !StaticNode {tasks: 3}\n", 2, "array"),
            ("runner: !MeasurementRunner\n  node: !StaticNod {tasks: []}\n", 2, "StaticNod"),
            ("runnr: 1\n", 1, "runnr"),
        ],
    )
    def test_a_mistake_is_shown_in_its_line(self, server, text, line, word):
        found = server.problems(f"bad{line}{word}.yaml", text)
        assert [one for one in found if one[0] == line and word in one[1]], found
