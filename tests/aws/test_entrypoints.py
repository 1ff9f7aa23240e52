"""The entry points in examples/cloudwatch, below both inits, in a PID namespace of their own."""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.aws.test_cloudwatch_agent import ended
from tests.aws.test_exec import children, start
from tests.services import missing

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


@pytest.mark.parametrize("name", ["task-definition", "batch-job-definition", "policy"])
def test_the_definitions_are_json(name):
    assert json.loads((EXAMPLES / f"{name}.json").read_text())


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
