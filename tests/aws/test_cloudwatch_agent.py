"""The CloudWatch agent as a program: what it sends, and that it ends as it should."""

import os
import re
import select
import signal
import subprocess
import sys
import time

import pytest

from tests.aws.proxy import Fault
from tests.services import free_port
from wca.cloudwatch import AgentOptions, Scope, configuration_of, scope_here
from wca.cloudwatch.options import Values
from wca.cloudwatch.rust_log import levels_of
from wca.components import load_registry
from wca.config import load_text
from wca.errors import ValidationError

FAST = ("--period", "1", "--resolution", "1", "--sample-interval", "0.1", "--scope", "host")


def agent(*options, environment=None, program=("-m", "wca", "cloudwatch-agent")):
    """The agent, running."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "RUST_", "ECS_"))}
    return subprocess.Popen(
        [sys.executable, *program, "-n", "Test", "-s", "web", *options],
        env={**clean, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(true, seconds=20.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it has not come about"
        time.sleep(0.02)


def ended(process, timeout=30):
    out, errors = process.communicate(timeout=timeout)
    return process.returncode, out, errors


def test_cpu_and_memory_are_published_with_the_start_of_their_period(aws):
    process = agent(*FAST, "--more", "--dimension", "Stage=test", environment=aws.environment())
    until(lambda: len(aws.data("CPUUtilization")) >= 3)
    process.send_signal(signal.SIGTERM)
    assert ended(process)[::2] == (0, "")
    times = [one["Timestamp"] for one in aws.data("CPUUtilization")]
    assert all(one == int(one) for one in times)
    assert times == list(range(int(times[0]), int(times[0]) + len(times)))
    names = {one["MetricName"] for one in aws.data()}
    assert names == {
        "CPUUtilization",
        "MaxCPUUtilization",
        "MemoryUtilization",
        "MaxMemoryUtilization",
    }
    for datum in aws.data():
        assert datum["Unit"] == "Percent"
        assert 0 <= datum["Value"] <= 100
        assert datum["StorageResolution"] == 1
        assert datum["Dimensions"] == [
            {"Name": "ServiceName", "Value": "web"},
            {"Name": "Stage", "Value": "test"},
        ]
    assert aws.refused == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_flushes_what_there_is_and_a_second_one_changes_nothing(aws, number):
    process = agent("--sample-interval", "0.1", "--scope", "host", environment=aws.environment())
    until(lambda: ticked(process))
    time.sleep(0.5)  # two samples, of which CPU time is the difference
    aws.faults.append(Fault(delay=0.4, passes=True, status=200))
    start = time.monotonic()
    process.send_signal(number)
    time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    code, _, errors = ended(process)
    assert (code, errors) == (0, "")
    assert time.monotonic() - start < 8
    names = {one["MetricName"] for one in aws.data()}
    assert names == {"CPUUtilization", "MaxMemoryUtilization", "MemoryUtilization"}
    assert {one["Timestamp"] % 60 for one in aws.data()} == {0}


def ticked(process):
    """Whether it handles signals by now, and has begun to measure."""
    with open(f"/proc/{process.pid}/status") as file:
        caught = int(re.search(r"^SigCgt:\s*(\w+)", file.read(), re.MULTILINE)[1], 16)
    handled = caught >> (signal.SIGTERM - 1) & 1
    with open(f"/proc/{process.pid}/stat") as file:
        threads = int(file.read().rpartition(")")[2].split()[17])
    return handled and threads >= 3


@pytest.mark.parametrize("kind", ["unavailable", "silent", "refused"])
def test_with_a_dead_endpoint_it_ends_in_time_and_says_what_is_lost(aws, kind):
    aws.down = {"silent": Fault(delay=20)}.get(kind, Fault(503, "ServiceUnavailable"))
    environment = aws.environment()
    if kind == "refused":
        environment["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{free_port()}"
    process = agent(
        *("--sample-interval", "0.1", "--scope", "host", "--shutdown-timeout", "3"),
        environment=environment,
    )
    until(lambda: ticked(process))
    time.sleep(0.5)
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    code, _, errors = ended(process)
    assert code == 1
    assert time.monotonic() - start < 6
    names = "CPUUtilization, MaxMemoryUtilization, MemoryUtilization"
    assert re.search(rf"{names} of \S+:00Z", errors)
    assert "data points were not published and are lost" in errors


def test_a_period_that_was_skipped_is_told_then_and_the_end_is_as_if_it_had_not_been(aws):
    aws.faults.extend([Fault(503, "ServiceUnavailable")] * 3)
    process = agent(*FAST, environment=aws.environment())
    until(lambda: len(aws.data("CPUUtilization")) >= 2)
    process.send_signal(signal.SIGTERM)
    code, _, errors = ended(process)
    assert code == 0
    (line,) = [line for line in errors.splitlines() if "not published" in line]
    assert re.search(r"not published: \w.* of \S+Z: given up after 2 retries", line)


def test_with_a_spool_nothing_is_lost_and_the_next_run_publishes_it(aws, tmp_path):
    spool = ("--spool", str(tmp_path / "spool"), "--shutdown-timeout", "2")
    aws.down = Fault(503, "ServiceUnavailable")
    process = agent(*FAST, *spool, environment=aws.environment())
    until(lambda: ticked(process))
    time.sleep(2.5)
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 0
    assert aws.data() == []
    aws.down = None
    process = agent(*FAST, *spool, environment=aws.environment())
    until(lambda: len(aws.data("MemoryUtilization")) >= 4)
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 0
    times = [one["Timestamp"] for one in aws.data("MemoryUtilization")]
    assert len(set(times)) >= len(times) - 1  # the window in which it was started again


def test_a_dry_run_needs_no_variables_and_makes_no_call():
    process = agent(*FAST, "--dry-run", "--iterations", "15")
    code, out, errors = ended(process)
    assert (code, errors) == (0, "")
    line = r"Test \d{4}-\d\d-\d\dT[\d:]{8}Z \w+\{ServiceName=web\} [\d.e-]+ Percent"
    assert all(re.fullmatch(line, one) for one in out.splitlines())
    assert "CPUUtilization{" in out


def test_a_dry_run_shows_each_line_at_once_in_a_pipe_as_well():
    process = agent(*FAST, "--dry-run")
    readable, _, _ = select.select([process.stdout], [], [], 20)
    assert readable, "nothing is shown while it runs"
    assert process.stdout.readline().startswith("Test ")
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 0


@pytest.mark.parametrize("dry", [False, True])
def test_the_commands_of_the_document_run_as_printed(aws, dry):
    command = "cloudwatch_metrics_agent --namespace TestNamespace --service FooService --period 60"
    if dry:
        command = f"RUST_LOG=info {command} --dry-run"
    folder = os.path.dirname(sys.executable)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    process = subprocess.Popen(
        ["bash", "-c", f"exec env {command}"],
        env={**environment, **({} if dry else aws.environment())},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: ticked(process))
    time.sleep(2.5)
    process.send_signal(signal.SIGTERM)
    code, out, errors = ended(process)
    assert code == 0, errors
    assert ("MemoryUtilization{ServiceName=FooService}" in out) == dry
    assert bool(aws.data("MemoryUtilization")) != dry


def test_the_spellings_of_the_reference_work(aws):
    options = ("-n", "Test", "--service-name", "web", "-p", "60", "-d", "--iterations", "1")
    for program in ("cloudwatch_metrics_agent", "cloudwatch-metrics-agent"):
        path = os.path.join(os.path.dirname(sys.executable), program)
        done = subprocess.run([path, *options], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        assert "MemoryUtilization{ServiceName=web}" in done.stdout


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("", False),
        ("info", True),
        ("cloudwatch_metrics_agent::publisher=info", True),
        ("cloudwatch_metrics_agent::cloudwatch=info", True),
        ("other_crate=info", False),
    ],
)
def test_rust_log_shows_what_is_emitted(variable, said):
    process = agent(*FAST, "--dry-run", "--iterations", "12", environment={"RUST_LOG": variable})
    _, _, errors = ended(process)
    assert ("MemoryUtilization{ServiceName=web}" in errors) == said
    emitted = r"[\d-]+ [\d:,]+ INFO \{.+\} \[wca\.cloudwatch\.publisher\] Test \S+ \w+\{.*"
    others = [line for line in errors.splitlines() if not re.fullmatch(emitted, line)]
    assert variable == "info" or others == []


def test_log_shows_what_is_emitted_and_nothing_else():
    options = ("--dry-run", "--iterations", "12", "--log", "wca.cloudwatch:info")
    code, out, errors = ended(agent(*FAST, *options))
    assert code == 0
    emitted = [line.partition(" Test ")[2] for line in errors.splitlines()]
    assert [f"Test {line}" for line in emitted] == out.splitlines()


def test_what_it_is_sugar_for_is_printed_and_runs_as_it_stands(tmp_path):
    code, text, errors = ended(agent(*FAST, "--dry-run", "--print-config"))
    assert (code, errors) == (0, "")
    path = tmp_path / "agent.yaml"
    path.write_text(text)
    path.chmod(0o600)
    done = subprocess.run(
        [sys.executable, "-m", "wca", "-c", path, "--root", "--iterations", "12"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert "CPUUtilization{ServiceName=web}" in done.stdout


def test_left_out_the_period_is_a_minute_and_a_sample_comes_every_0_9_seconds():
    code, text, _ = ended(agent("--print-config"))
    assert code == 0
    assert {"  interval: 0.9", "      window: 60"} <= set(text.splitlines())


def test_rust_log_in_words_of_our_own():
    assert levels_of("warn,cloudwatch_metrics_agent::publisher=info,hyper=trace,nonsense") == [
        "warning",
        "wca.cloudwatch:info",
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--period", "0"), "--period 0: write whole seconds"),
        (("--period", "90"), "--period 90 is no whole minute"),
        (("--sample-interval", "0"), "--sample-interval 0: write seconds"),
        (("--sample-interval", "61", "--period", "60"), "no more than --period"),
        (("--dimension", "x"), "--dimension 'x': write NAME=VALUE"),
        (("--dimension", "ServiceName=y"), "leave it out"),
        (("--dimension", "a=é"), "not printable ASCII text"),
        (("--dimension", ":a=b"), "must not begin with a colon"),
        (("--dimension", "a=b", "--dimension", "a=c"), "--dimension a is given twice"),
        (
            [f"--dimension=d{n}=x" for n in range(30)],
            "at most 30 dimensions there, and these are 31",
        ),
        (("--service", "x" * 1025), "more than 1024 characters"),
        (("-n", ""), "is no namespace"),
        (("--region", "no region"), "AWS cannot be used: "),
        (("--endpoint-url", "localhost"), "endpoint_url"),
        (("--endpoint-url", "http://user:pw@localhost"), "has a user name or a password in it"),
        (("--spool", "/proc/nowhere/spool"), "/proc/nowhere"),
        (("-n", "AWS/EC2"), "namespaces with AWS/ are those of AWS"),
        (("--shutdown-timeout", "1"), "shutdown_timeout"),
    ],
)
def test_bad_options_get_a_sentence_before_anything_is_measured(aws, options, said):
    code, out, errors = ended(agent(*options, environment=aws.environment()))
    assert code in (1, 2)
    assert said in errors
    assert "Traceback" not in errors
    assert out == ""


def test_missing_credentials_get_a_sentence():
    environment = {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": "/nonexistent",
    }
    code, _, errors = ended(agent(environment=environment))
    assert code == 1
    assert "no credentials: set AWS_ACCESS_KEY_ID" in errors
    assert len(errors.strip().splitlines()) == 1


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("values", Values)
@pytest.mark.parametrize("more", [False, True])
def test_every_configuration_can_be_built(aws, scope, values, more):
    options = AgentOptions("Test", 'a "service": #1', scope, values=values, more=more, period=300)
    loaded = load_text(configuration_of(options), load_registry([]))
    assert loaded.runner.interval == 0.9


def test_the_scope_is_found_out(tmp_path):
    assert scope_here({"ECS_CONTAINER_METADATA_URI_V4": "http://x"}) is Scope.TASK
    root = str(tmp_path)
    assert scope_here({}, root) is Scope.HOST
    assert scope_here({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, root) is Scope.CONTAINER
    (tmp_path / ".dockerenv").touch()
    assert scope_here({}, root) is Scope.CONTAINER
    (tmp_path / ".dockerenv").unlink()
    (tmp_path / "proc/self/ns").mkdir(parents=True)
    (tmp_path / "proc/self/ns/cgroup").touch()  # of another inode than the machine's own
    assert scope_here({}, root) is Scope.CONTAINER


def test_options_from_python_are_checked_as_well():
    with pytest.raises(ValidationError, match="--period 0"):
        AgentOptions("Test", "web", period=0)
