"""Runs the agent as a process of its own, as a user would."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


#: Commands that run no agent.
LOOKING = ("check", "plan", "replay", "detect", "train")


def command(*arguments):
    runs = bool(arguments) and arguments[0] not in LOOKING
    root = ["--root"] if os.geteuid() == 0 and runs else []
    return [sys.executable, "-m", "wca", *map(str, arguments), *root]


def environment(plugins=None):
    paths = [str(ROOT), *([str(plugins)] if plugins else [])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def run(*arguments, plugins=None, timeout=60):
    """Run to the end."""
    return subprocess.run(
        command(*arguments),
        env=environment(plugins),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def write_config(folder, text, name="config.yaml"):
    """A configuration file that the agent trusts."""
    path = Path(folder) / name
    path.write_text(text)
    path.chmod(0o600)
    return path


class Agent:
    """A running agent; ``end`` sends a signal and tells how long it took to end."""

    def __init__(self, *arguments, plugins=None):
        self.process = subprocess.Popen(
            command(*arguments),
            env=environment(plugins),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.out = self.err = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def end(self, *signals):
        start = time.monotonic()
        for number in signals or (signal.SIGTERM,):
            self.process.send_signal(number)
            time.sleep(0.05)
        self.out, self.err = self.process.communicate(timeout=30)
        return time.monotonic() - start


def wait_until(condition, what, seconds=30):
    """Wait for something another process does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.02)
