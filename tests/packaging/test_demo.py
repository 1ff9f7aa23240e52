"""`make run` shows real numbers and leaves nothing behind."""

import glob
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.packaging.conftest import PROJECT


def demo_groups():
    return set(glob.glob("/sys/fs/cgroup/**/wca-demo-*", recursive=True))


def start():
    # A shell starts what runs in its background deaf to Ctrl-C, and this test may run there.
    return subprocess.Popen(
        [sys.executable, "tools/demo.py"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


@pytest.fixture
def untouched_groups():
    before = demo_groups()
    yield
    assert demo_groups() <= before


@pytest.mark.usefixtures("untouched_groups")
def test_it_prints_the_metrics_of_this_machine_and_of_a_task():
    demo = start()
    out, err = demo.communicate(timeout=60)
    assert demo.returncode == 0, err
    assert "wca_up" in out
    assert err.startswith("demo: ")
    if "a small task" in err:
        assert f'task_id="/wca-demo-{demo.pid}"' in out or f'task_id="wca-demo-{demo.pid}"' in out


@pytest.mark.usefixtures("untouched_groups")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_removes_its_group(number):
    demo = start()
    try:
        while "demo: " not in demo.stderr.readline():
            assert demo.poll() is None
        time.sleep(0.5)
        # Ctrl-C reaches every process of the terminal's group; a plain kill only this one.
        if number == signal.SIGINT:
            os.killpg(demo.pid, number)
        else:
            demo.send_signal(number)
        demo.communicate(timeout=30)
    finally:
        if demo.poll() is None:
            os.killpg(demo.pid, signal.SIGKILL)
            demo.communicate()
    assert demo.returncode == 128 + number
