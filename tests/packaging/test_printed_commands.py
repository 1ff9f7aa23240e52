"""Every command that the documentation prints is run, as it is printed, in a checkout."""

import os

import pytest

from tests.allocations.test_safety_commands import safety_commands
from tests.audit.test_why import why_commands
from tests.docs.pages import blocks
from tests.packaging.test_getting_started import getting_started_commands
from tests.packaging.test_recording_commands import recording_commands
from tests.training.recorded import training_commands

#: Commands that other tests run, or that are this run itself.
ELSEWHERE = {
    "make aws": "test_aws_pex.py",
    "make dist": "test_dist.py, which runs what it runs",
    "make run": "test_demo.py",
    "make test": "this run",
    "make bench": "the benchmark's own table in docs/performance.md",
    "make bench ARGS=reach": "tests/benchmarks",
    "make bench ARGS=collectors": "tests/benchmarks",
    "make bench ARGS=descriptors": "tests/benchmarks",
    "make bench ARGS=detectors": "tests/benchmarks",
    "make bench ARGS=recording": "tests/benchmarks",
    "make bench ARGS=long-run": "tests/benchmarks",
    "make bench ARGS=ping-pong": "tests/benchmarks",
    "make bench ARGS=encoding": "tests/benchmarks",
    "make bench ARGS=scrape": "tests/benchmarks",
    "make bench ARGS=kafka": "tests/benchmarks",
    'make bench ARGS="cloudwatch --rounds 100 --seconds 600"': "tests/benchmarks/test_cloudwatch.py",
    ".venv/bin/python -m pip install confluent-kafka": (
        "nothing: it fetches what no lock has; tests/benchmarks runs with and without it"
    ),
    ".venv/bin/python -m benchmarks.cgroup_nodes": "tests/benchmarks",
    ".venv/bin/python -m benchmarks.fleet": "tests/benchmarks",
    "make bench ARGS=discovery": "tests/benchmarks",
    "make bench ARGS=containers": "tests/benchmarks",
    "socat - tcp4-listen:8000,fork": "test_seed_commands.py",
    "wca cloudwatch-agent --namespace TestNamespace --service FooService --period 60": "tests/aws",
    "wca cloudwatch-agent --namespace TestNamespace --service FooService --period 60 --dry-run": (
        "tests/aws"
    ),
    "wca exec --namespace TestNamespace --service FooService -- python job.py": "tests/aws",
    "sqlite3 -readonly /var/lib/wca/kafka.spool \"SELECT number, datetime(created, 'unixepoch'), "
    'samples, bytes, kind FROM parcels LIMIT 10"': "tests/storage/test_spool_files.py",
    'make bench-detection ARGS="record --out corpus/mine --episodes-per-kind 20 --for 60m"': (
        "tests/benchmarks/test_detection.py, with short episodes"
    ),
    'make bench-detection ARGS="report --corpus corpus/mine --json corpus/mine.json"': (
        "tests/benchmarks/test_detection.py"
    ),
    'make bench-detection ARGS="record --out benchmarks/detection/corpus/scored '
    '--episodes-per-kind 20 --controls 15 --seed 2"': (
        "tests/benchmarks/test_detection.py, with short episodes"
    ),
    'make bench-detection ARGS="report --corpus benchmarks/detection/corpus/scored '
    '--train benchmarks/detection/corpus/first"': "tests/benchmarks/test_detection.py",
    'make bench-collocation ARGS="run --out corpus/runs --for 60m"': (
        "tests/benchmarks/test_collocation.py, with short runs"
    ),
    'make bench-collocation ARGS="report --runs corpus/runs"': (
        "tests/benchmarks/test_collocation.py"
    ),
    'make bench-collocation ARGS="run --out benchmarks/collocation/results --repetitions 5"': (
        "tests/benchmarks/test_collocation.py, with short runs"
    ),
    'make bench-collocation ARGS="report --runs benchmarks/collocation/results"': (
        "tests/benchmarks/test_collocation.py"
    ),
    'make bench-collocation ARGS="decisions --corpus benchmarks/detection/corpus/scored"': (
        "tests/benchmarks/test_decisions.py, with another corpus"
    ),
    "./dist/wca.pex top --url http://127.0.0.1:19220": "tests/top/test_agent.py, at another port",
    "make peers && make bench-peers": "tests/benchmarks, without the peers",
    'echo "254:0 1000000000000" > /sys/fs/cgroup/blkio/some-group/blkio.throttle.read_bps_device': (
        "tests/collectors/test_real_events.py, in a group of its own"
    ),
    **dict.fromkeys(training_commands(), "tests/training/test_command.py"),
    **dict.fromkeys(why_commands(), "tests/audit/test_why.py"),
    **dict.fromkeys(safety_commands(), "tests/allocations/test_safety_commands.py"),
    **dict.fromkeys(recording_commands(), "test_recording_commands.py, in their order"),
    **dict.fromkeys(getting_started_commands(), "test_getting_started.py, in their order"),
    "make": "the fixture `pex` and test_makefile.py",
    "pex -D examples python-dateutil==2.8.0 -o hello_world.pex": "test_seed_commands.py",
}
COMMANDS = sorted({line for _, _, text in blocks("sh") for line in text.splitlines() if line})


@pytest.mark.parametrize(
    "command",
    [line for line in COMMANDS if line not in ELSEWHERE and not line.startswith("PEX_PATH")],
)
def test_the_command_succeeds(checkout, command):
    done = checkout.shell(command)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_commands_that_others_run_are_still_printed():
    assert set(ELSEWHERE) <= set(COMMANDS)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_as_root_the_agent_wants_root(checkout):
    command = next(line for line in COMMANDS if line.endswith("--iterations 2"))
    refused = checkout.shell(command, as_root=True)
    assert refused.returncode == 2
    assert "--root" in refused.stderr
    assert checkout.shell(f"{command} --root", as_root=True).returncode == 0
