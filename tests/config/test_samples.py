"""`wca sample`, `wca components`, `wca list metrics`, `wca print-config`: what there is to write."""

import io
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from wca.commands.sample import sample_of
from wca.components import BUILT_IN, load_registry
from wca.config import load_config, load_text
from wca.config.hints import signature_of
from wca.errors import ConfigLoadError
from wca.main import main
from wca.metrics.catalogue import CATALOGUE

REGISTRY = load_registry(entry_points=())
CONFIGS = sorted((Path(__file__).parents[2] / "configs").rglob("*.yaml"))


def keys(text):
    """Names of the fields of the one component that a YAML text has."""
    node = YAML().compose(io.StringIO(text))
    return [key.value for key, _ in node.value]


@pytest.mark.parametrize("tag", [entry.tag for entry in BUILT_IN])
def test_a_sample_has_every_field_and_those_that_may_be_left_out_as_comments(tag):
    text, parameters = sample_of(tag, REGISTRY), signature_of(REGISTRY.find(tag).cls).parameters
    assert keys(text) == [name for name, one in parameters.items() if one.required]
    uncommented = re.sub(
        r"^  #(\w+:)", r"  \1", text.replace("!" + tag + " {}", "!" + tag), flags=re.MULTILINE
    )
    assert keys(uncommented) == list(parameters) if parameters else "{}" in text


@pytest.mark.parametrize("tag", [entry.tag for entry in BUILT_IN if entry.tag.endswith("Runner")])
def test_the_sample_of_a_runner_is_one_that_lacks_at_most_what_its_parts_need(tag):
    text = "runner: " + sample_of(tag, REGISTRY).partition("!")[2].join(["!", ""])
    with pytest.raises(ConfigLoadError) as raised:
        load_text(text, REGISTRY)
    assert all("needs the field" in problem for problem in raised.value.problems)


def test_a_sample_tells_which_components_fit(capsys):
    assert main(["sample", "!AggregatingStorage"]) == 0
    assert "!KafkaStorage" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["sample", "components"])
def test_a_component_that_there_is_not_is_a_sentence_with_the_nearest_name(command, capsys):
    assert main([command, "KafkaStorag"]) == 2
    assert "!KafkaStorag, did you mean !KafkaStorage?" in capsys.readouterr().err


def test_all_components_are_listed_with_their_stability(capsys):
    assert main(["components"]) == 0
    lines = capsys.readouterr().out.splitlines()
    # Other tests may have registered classes of their own in this process; they come last.
    assert [line.split()[:2] for line in lines[: len(BUILT_IN)]] == [
        [f"!{entry.tag}", entry.stability] for entry in BUILT_IN
    ]


def test_a_component_of_ones_own_is_listed_and_told_about(capsys, tmp_path, monkeypatch):
    (tmp_path / "own_part.py").write_text(
        'class OwnPart:\n    """Does it.\n\n    Args:\n        size: of it.\n    """\n\n'
        "    def __init__(self, size: int = 3): pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["components", "-r", "own_part:OwnPart"]) == 0
    listed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["!OwnPart", "--register", "own_part:OwnPart", "Does", "it."] in listed
    assert main(["components", "OwnPart", "-r", "own_part:OwnPart"]) == 0
    assert "| `size` | a whole number | `3` | of it. |" in capsys.readouterr().out
    assert main(["sample", "OwnPart", "-r", "own_part:OwnPart"]) == 0
    assert (
        capsys.readouterr().out == "# Does it.\n!OwnPart\n  # a whole number; of it.\n  #size: 3\n"
    )


def test_metrics_are_listed_by_a_pattern(capsys):
    assert main(["list", "metrics"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(CATALOGUE)
    assert main(["list", "metrics", "task_psi_cpu_some_*"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("task_psi_cpu_some_seconds (counter, seconds): ")
    assert main(["list", "metrics", "task_up_"]) == 2
    assert "did you mean task_up?" in capsys.readouterr().err


def is_ours(path):
    """Whether a file has a runner, and names no component of somebody else."""
    text = path.read_text()
    tags = set(re.findall(r"^[^#]*?!(\w+)", text, flags=re.MULTILINE))
    return "\nrunner:" in text and tags <= {*REGISTRY.tags(), "Env", "File"}


@pytest.mark.parametrize("path", [one for one in CONFIGS if is_ours(one)], ids=lambda one: one.stem)
def test_a_configuration_with_every_field_means_the_same(path):
    environment = {"NODE_NAME": "n", "HOST_IP": "192.0.2.1"}
    whole = load_config(str(path), REGISTRY, environ=environment).effective()
    again = load_text(whole, REGISTRY, environ=environment)
    assert again.effective() == whole


def test_secrets_are_not_printed_and_a_bad_file_is_told(tmp_path, capsys):
    path = tmp_path / "c.yaml"
    sasl = "    sasl: {mechanism: PLAIN, username: me, password: hunter2}\n"
    text = (Path(__file__).parents[2] / "configs/storing/kafka.yaml").read_text()
    path.write_text(text.replace("    topic:", sasl + "    topic:", 1))
    assert main(["print-config", "-c", str(path)]) == 0
    assert "hunter2" not in capsys.readouterr().out
    path.write_text("runner: !MeasurementRunne {}\n")
    assert main(["print-config", "-c", str(path)]) == 1
    assert "did you mean !MeasurementRunner?" in capsys.readouterr().err
