"""The three command lines that the document "extending" prints, typed as they are printed."""

import json
import os
import re
import shutil
import subprocess
import sys
import time

import pytest

from tests.services import missing

HELLO = (
    "PYTHONPATH=$PWD/examples PEX_INHERIT_PATH=fallback ./dist/wca.pex"
    " -c $PWD/configs/extending/hello_world.yaml -r hello_world_runner:HelloWorldRunner"
)
LISTEN = "socat - tcp4-listen:8000,fork"
POST = (
    "sudo env PYTHONPATH=$PWD/examples PEX_INHERIT_PATH=fallback ./dist/wca.pex"
    " -c $PWD/configs/extending/measurement_http_storage.yaml -r http_store:HTTPStorage"
    " --root --log http_storage:info"
)
SECOND_PEX = "pex -D examples python-dateutil==2.8.0 -o hello_world.pex -v"
COMBINED = (
    "PEX_PATH=hello_world.pex ./dist/wca.pex -c $PWD/configs/extending/hello_world.yaml"
    " -r hello_world_runner_with_dateutil:HelloWorldRunner"
)
PRINTED_NAMES = (
    "wca_up",
    "wca_tasks",
    "wca_memory_usage_bytes",
    "memory_usage",
    "cpu_usage_per_cpu",
    "wca_duration_seconds",
    "wca_duration_seconds_avg",
)


def test_the_hello_world_runner_prints_its_line(checkout):
    done = checkout.shell(HELLO)
    assert (done.stdout, done.returncode) == ("Hello world!\n", 0), done.stderr


def test_a_runner_from_a_second_pex_finds_its_own_dependency(checkout, tmp_path):
    environment = {
        "PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"],
        "PEX_ROOT": str(tmp_path),
    }
    built = checkout.shell(SECOND_PEX, as_root=True, **environment)
    assert built.returncode == 0, built.stderr
    done = checkout.shell(COMBINED)
    assert re.fullmatch(r"Hello world! Today is \d{4}-\d\d-\d\d 00:00:00\n", done.stdout), (
        done.stderr
    )
    assert done.returncode == 0


def wait_for(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} after {seconds} s"
        time.sleep(0.05)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as given:
        return given.read()


@pytest.fixture
def listener(tmp_path):
    """socat as the document starts it: it prints what it is sent and never answers."""
    if shutil.which("socat") is None:
        missing("socat is not installed")
    if listening(8000):
        missing("another program listens on port 8000, which the document uses")
    printed = tmp_path / "socat.out"
    with printed.open("wb") as out:
        process = subprocess.Popen(
            LISTEN.split(), stdin=subprocess.PIPE, stdout=out, stderr=subprocess.PIPE
        )
        try:
            wait_for(lambda: listening(8000) or process.poll() is not None, "listener on port 8000")
            assert process.poll() is None, process.stderr.read()
            yield printed
        finally:
            process.kill()
            process.communicate()
            # Its children serve one connection each and end with the agent's end of it.


def listening(port):
    """Whether someone listens on a TCP port, without connecting to it."""
    return re.search(rf"^ *\d+: 00000000:{port:04X} \S+ 0A ", read("/proc/net/tcp"), re.MULTILINE)


def test_the_http_storage_posts_to_a_listener_that_never_answers(checkout, listener, tmp_path):
    if shutil.which("sudo") is None:
        missing("sudo is not installed")
    if subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode:
        missing("sudo asks for a password")
    log = tmp_path / "agent.err"
    with log.open("wb") as err:
        agent = subprocess.Popen(
            ["bash", "-c", f"exec {POST}"],
            cwd=checkout.folder,
            env=checkout.environment,
            stderr=err,
        )
        try:
            wait_for(lambda: '"wca_up"' in read(listener) or agent.poll() is not None, "POST")
            assert agent.poll() is None, read(log)
            asked = time.monotonic()
            agent.terminate()
            assert agent.wait(timeout=20) == 0
            assert time.monotonic() - asked < 5  # the promise is 2 s; this machine may be busy
        finally:
            if agent.poll() is None:
                agent.kill()
                agent.wait()
    assert re.search(
        r"^[-\d]{10} [:,\d]{12} INFO +\{\w+\} \[http_storage\] sending!$", read(log), re.MULTILINE
    )
    head, body = read(listener).replace("\r\n", "\n").split("\n\n")[:2]
    assert head.startswith("POST / HTTP/1.1\nHost: 127.0.0.1:8000\n")
    assert "\nContent-Type: application/json" in head
    values, _ = json.JSONDecoder().raw_decode(body)
    assert set(PRINTED_NAMES) <= set(values)
    assert values["wca_tasks"] == 0
