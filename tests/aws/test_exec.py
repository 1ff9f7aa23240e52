"""``wca exec``: the agent as the parent of the program that it measures."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.aws.proxy import Fault
from tests.aws.test_cloudwatch_agent import ended, until
from tests.services import missing

BURN = "import time; end = time.process_time() + {}; any(time.process_time() > end for _ in iter(int, 1))"

#: Ends, a while after a first signal, with the number of those that have come.
COUNTING = """
import signal, time
got = []
signal.signal(signal.SIGTERM, lambda *_: got.append(1))
print("ready", flush=True)
while not got:
    time.sleep(0.01)
end = time.monotonic() + 0.4
while time.monotonic() < end:
    time.sleep(0.01)
raise SystemExit(len(got))
"""


def exec_command(*command, options=()):
    agent = (sys.executable, "-m", "wca", "exec", "-n", "Test", "-s", "web")
    return [*agent, "--sample-interval", "0.1", *options, "--", *command]


def start(aws, command, **more):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "RUST_", "ECS_"))}
    return subprocess.Popen(
        command,
        env={**clean, **aws.environment()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def test_it_ends_as_the_program_does_and_publishes_before(aws):
    burning = f"{BURN.format(1.0)}; print('done'); raise SystemExit(7)"
    process = start(aws, exec_command(sys.executable, "-c", burning, options=("--scope", "tree")))
    assert ended(process) == (7, "done\n", "")
    cpu = aws.data("CPUUtilization")[0]
    assert cpu["Value"] > 100 / os.cpu_count() * 0.4
    assert aws.data("MemoryUtilization")[0]["Value"] > 0


def test_cpu_time_of_children_that_have_ended_counts_on(aws):
    burning = f"import os\nfor _ in range(8):\n  if os.fork() == 0:\n    {BURN.format(0.15)}\n    os._exit(0)\n  os.wait()"
    process = start(aws, exec_command(sys.executable, "-c", burning, options=("--scope", "tree")))
    assert ended(process)[0] == 0
    assert aws.data("CPUUtilization")[0]["Value"] > 100 / os.cpu_count() * 0.4


def test_signals_are_passed_on_and_the_flush_comes_after(aws):
    script = "trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.05; done"
    process = start(aws, exec_command("bash", "-c", script))
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    code, out, errors = ended(process)
    assert (code, errors) == (3, "")
    assert out.startswith("got\n")
    assert len(aws.data("MemoryUtilization")) in (1, 2)  # a minute may have ended meanwhile


def test_what_ends_by_a_signal_is_reported_as_a_shell_does(aws):
    process = start(aws, exec_command("sleep", "60"))
    until(lambda: children(process.pid))
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 128 + signal.SIGTERM


def test_orphans_are_reaped(aws):
    script = "(sleep 0.1 &) ; sleep 1"
    process = start(aws, exec_command("sh", "-c", script))
    until(lambda: children(process.pid))
    time.sleep(0.8)
    assert zombies(process.pid) == []
    assert ended(process)[0] == 0


def test_an_agent_that_cannot_start_says_so_and_the_program_runs(aws):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    environment |= {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"}
    done = subprocess.run(
        exec_command("sh", "-c", "echo ran; exit 4"),
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stdout) == (4, "ran\n")
    assert "nothing is published: no region" in done.stderr


def test_with_a_dead_endpoint_its_code_stays_and_what_is_lost_has_a_name(aws):
    aws.down = Fault(503, "ServiceUnavailable")
    begin = time.monotonic()
    options = ("--shutdown-timeout", "2")
    code, _, errors = ended(
        start(aws, exec_command("sh", "-c", "sleep 0.5; exit 6", options=options))
    )
    assert code == 6
    assert time.monotonic() - begin < 8
    assert re.search(r"MemoryUtilization of \S+:00Z", errors)
    assert "data points were not published and are lost" in errors
    assert "could not be published in" not in errors


def test_a_program_that_is_not_there_is_told_as_a_shell_does(aws):
    code, _, errors = ended(start(aws, exec_command("/nonexistent/program")))
    assert code == 127
    assert "wca exec cannot run /nonexistent/program: No such file or directory" in errors


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("", False),
        ("info", True),
        ("cloudwatch_metrics_agent::publisher=info", True),
    ],
)
def test_rust_log_shows_what_is_emitted(aws, variable, said):
    process = start(aws, ["env", f"RUST_LOG={variable}", *exec_command("sleep", "0.5")])
    code, _, errors = ended(process)
    assert code == 0
    assert ("MemoryUtilization{ServiceName=web}" in errors) == said
    if not said:
        assert errors == ""


def test_without_a_program_it_says_how(aws):
    code, _, errors = ended(start(aws, exec_command()))
    assert code == 2
    assert "say what to run" in errors


@pytest.mark.parametrize(
    "init",
    [("tini", "-g", "--"), ("tini", "--"), ("dumb-init",), ("dumb-init", "--single-child"), ()],
    ids=" ".join,
)
def test_as_the_first_process_of_a_container_and_below_every_init(aws, init):
    if os.geteuid() != 0:
        missing("PID namespaces need root")
    if init and shutil.which(init[0]) is None:
        missing(f"{init[0]} is not installed")
    command = exec_command(sys.executable, "-c", COUNTING)
    namespace = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    # Of a session of its own: as in a container, there is no terminal.
    process = start(aws, [*namespace, *init, *command], start_new_session=True)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    first = children(process.pid)[0]
    os.kill(first, signal.SIGTERM)
    assert ended(process) == (1, "", "")
    assert len(aws.data("MemoryUtilization")) in (1, 2)  # a minute may have ended meanwhile


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(one) for one in file.read().split()]
    except FileNotFoundError:
        return []


def zombies(pid):
    found = []
    for child in children(pid):
        with open(f"/proc/{child}/stat") as file:
            if file.read().rpartition(")")[2].split()[0] == "Z":
                found.append(child)
    return found
