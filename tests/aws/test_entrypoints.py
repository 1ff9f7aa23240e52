"""The entry points in examples/cloudwatch, below both inits, in a PID namespace of their own."""

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import botocore.session
import pytest
from botocore.validate import ParamValidator

from tests.aws.test_cloudwatch_agent import ended, until
from tests.aws.test_exec import children, start
from tests.services import missing
from wca.commands import load_command

EXAMPLES = Path(__file__).parents[2] / "examples" / "cloudwatch"
#: Ends with 7 when it is told to.
MAIN = "import os, signal, time; signal.signal(15, lambda *_: os._exit(7)); print('ready', flush=True); time.sleep({})"


def entrypoint(aws, init, seconds):
    if os.geteuid() != 0:
        missing("PID namespaces need root")
    if shutil.which(init[0]) is None:
        missing(f"{init[0]} is not installed")
    namespace = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    folder = os.path.dirname(sys.executable)  # where `wca` is
    environment = ("env", f"PATH={folder}:{os.environ['PATH']}", "NAMESPACE=Test", "SERVICE=web")
    main = (sys.executable, "-c", MAIN.format(seconds))
    process = start(aws, [*namespace, *environment, *init, str(EXAMPLES / "entrypoint.sh"), *main])
    assert process.stdout.readline() == "ready\n"
    return process


INITS = [
    ("tini", "-g", "--"),
    ("tini", "--"),
    ("dumb-init", "--"),
    ("dumb-init", "--single-child", "--"),
]


@pytest.mark.parametrize("init", INITS, ids=" ".join)
def test_a_signal_ends_the_main_process_and_then_the_agent_which_flushes(aws, init):
    process = entrypoint(aws, init, 60)
    time.sleep(2.5)  # until the agent has taken two samples
    os.kill(children(process.pid)[0], signal.SIGTERM)
    code, _, errors = ended(process)
    assert (code, errors.replace("Terminated", "").strip()) == (7, "")
    assert len(aws.data("MemoryUtilization")) in (1, 2)  # a minute may have ended meanwhile


def test_when_the_main_process_ends_by_itself_the_agent_flushes_as_well(aws):
    process = entrypoint(aws, INITS[0], 2.5)
    assert ended(process)[0] == 0
    assert len(aws.data("MemoryUtilization")) in (1, 2)  # a minute may have ended meanwhile


def test_the_script_takes_signals_before_it_starts_what_they_are_for():
    lines = (EXAMPLES / "entrypoint.sh").read_text().splitlines()
    trap = next(number for number, line in enumerate(lines) if line.startswith("trap "))
    assert trap < min(number for number, line in enumerate(lines) if line.endswith(" &"))


def test_the_agent_is_in_no_group_that_an_init_tells_to_end(aws):
    process = entrypoint(aws, INITS[0], 60)
    agents = []
    until(lambda: agents.extend(called(process.pid, "cloudwatch-agent")) or agents)
    assert os.getsid(agents[0]) == agents[0]
    os.kill(children(process.pid)[0], signal.SIGTERM)
    assert ended(process)[0] == 7


def called(pid, word):
    """Processes below one that have a word in their command line."""
    found = []
    for child in children(pid):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            if word.encode() in words and b"setsid" not in words and b"env" not in words:
                found.append(child)
        found += called(child, word)
    return found


@pytest.mark.parametrize(
    ("name", "service", "operation"),
    [
        ("task-definition", "ecs", "RegisterTaskDefinition"),
        ("batch-job-definition", "batch", "RegisterJobDefinition"),
    ],
)
def test_the_definitions_are_what_the_api_takes_and_their_commands_what_wca_takes(
    name, service, operation
):
    definition = read(name)
    model = botocore.session.get_session().get_service_model(service)
    shape = model.operation_model(operation).input_shape
    assert ParamValidator().validate(definition, shape).generate_report() == ""
    ((program, command, *options),) = commands_of(definition)
    parser = argparse.ArgumentParser()
    load_command(command).add_arguments(parser)
    arguments = parser.parse_args(options)
    assert program == "wca"
    (statement,) = read("policy")["Statement"]
    assert statement["Action"] == "cloudwatch:PutMetricData"
    allowed = statement["Condition"]["StringEquals"]["cloudwatch:namespace"]
    assert (statement["Effect"], allowed) == ("Allow", arguments.namespace)


def read(name):
    return json.loads((EXAMPLES / f"{name}.json").read_text())


def commands_of(definition):
    """Command lines of the containers that run wca."""
    containers = definition.get("containerDefinitions") or [definition["containerProperties"]]
    lines = [[*one.get("entryPoint", ()), *one.get("command", ())] for one in containers]
    return [line for line in lines if line]


@pytest.mark.parametrize("name", ["tini", "dumb-init", "exec"])
def test_the_images_name_what_is_there(name):
    text = (EXAMPLES / f"Dockerfile.{name}").read_text()
    for line in text.splitlines():
        if line.startswith("COPY"):
            assert (EXAMPLES.parents[1] / line.split()[1]).is_file()
    entry = json.loads(
        next(line for line in text.splitlines() if line.startswith("ENTRYPOINT"))[11:]
    )
    assert entry[0] in ("tini", "dumb-init", "wca")
