"""The command lines that the document of the CloudWatch agent prints, run from one file."""

import os
import re
import signal
import subprocess
import sys
import time
import zipfile

import pytest

from tests.aws.proxy import Aws
from tests.aws.test_cloudwatch_agent import ended, ticked, until
from tests.packaging.conftest import PROJECT, build_pex

PUBLISH = "cloudwatch_metrics_agent --namespace TestNamespace --service FooService --period 60"
PREVIEW = f"RUST_LOG=info {PUBLISH} --dry-run"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for PATH with what `make aws` builds, where nothing else of Python is."""
    folder = tmp_path_factory.mktemp("aws")
    build_pex(PROJECT, str(folder / "wca-aws.pex"), "--extra", "aws")
    os.link(folder / "wca-aws.pex", folder / "cloudwatch_metrics_agent")
    (folder / "python3").symlink_to(sys.executable)
    return folder


@pytest.fixture(scope="module")
def service():
    aws = Aws()
    yield aws
    aws.close()


@pytest.fixture
def aws(service):
    service.reset()
    return service


def typed(folder, line, environment=None):
    """A line of the document, as a shell runs it."""
    return subprocess.Popen(
        ["bash", "-c", f"exec env {line}"],
        env={
            "PATH": f"{folder}:/usr/bin:/bin",
            "HOME": str(folder),
            "PEX_ROOT": str(folder / "root"),
            **(environment or {}),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_to_launch_the_agent_and_send_metrics_each_minute(folder, aws):
    process = typed(folder, PUBLISH, aws.environment())
    until(lambda: ticked(process), 60)
    time.sleep(2.5)
    process.send_signal(signal.SIGTERM)
    assert ended(process) == (0, "", "")
    assert {one["MetricName"] for one in aws.data()} == {
        "CPUUtilization",
        "MemoryUtilization",
        "MaxMemoryUtilization",
    }
    assert aws.refused == []


def test_to_preview_metrics_without_sending_them(folder):
    process = typed(folder, PREVIEW)
    until(lambda: ticked(process), 60)
    time.sleep(2.5)
    process.send_signal(signal.SIGTERM)
    code, out, errors = ended(process)
    assert code == 0, errors
    assert re.search(r"TestNamespace \S+ CPUUtilization\{ServiceName=FooService\} \S+ Percent", out)


def test_under_its_own_name_it_is_all_of_wca(folder, aws):
    program = "wca-aws.pex exec --namespace TestNamespace --service FooService -- sh -c 'exit 3'"
    process = typed(folder, program, aws.environment())
    assert ended(process, 60) == (3, "", "")
    code, out, _ = ended(typed(folder, "wca-aws.pex --version"))
    assert (code, out[:4]) == (0, "wca ")


def test_it_holds_boto3_in_locked_versions_and_nothing_bound_to_one_python(folder):
    with zipfile.ZipFile(folder / "wca-aws.pex") as archive:
        names = archive.namelist()
    wheels = {name.split("/")[1] for name in names if name.startswith(".deps/")} - {""}
    pins = {}
    for lock in ("requirements.txt", "requirements-dev.txt"):
        with open(os.path.join(PROJECT, lock), encoding="utf-8") as given:
            pins |= dict(re.findall(r"^([^\s#=]+)==(\S+)", given.read(), re.MULTILINE))
    held = dict(wheel.split("-")[:2] for wheel in wheels if not wheel.startswith("wca-"))
    assert {"boto3", "botocore", "s3transfer", "jmespath"} <= set(held)
    assert {re.sub(r"[-_.]+", "-", name): version for name, version in held.items()}.items() <= (
        pins.items()
    )
    assert all(re.search(r"-(py3|py2\.py3)-none-|-abi3-", wheel) for wheel in wheels), wheels


def test_an_extra_that_is_none_gets_a_sentence(tmp_path):
    done = subprocess.run(
        [sys.executable, "tools/build_pex.py", str(tmp_path / "x.pex"), "--extra", "azure"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert re.fullmatch(r"build_pex: there is no extra azure: write aws, cri, .*\n", done.stderr)
    assert os.listdir(tmp_path) == []
