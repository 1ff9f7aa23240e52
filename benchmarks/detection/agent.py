"""The agent that records an episode: ``wca record``, as anyone runs it."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.detection.groups import NEIGHBOURS, VICTIM, task_id
from benchmarks.detection.programs import UnusableError
from benchmarks.detection.session import OTHER_CPU

__all__ = ["COLLECTORS", "configuration", "recording", "running"]

_CONFIGURATION = """\
runner: !MeasurementRunner
  node: !StaticNode
    tasks: [{tasks}]
  interval: 1s
  metrics_storage: !LogStorage
    output_filename: /dev/null
"""
#: What a detector needs, of every task.
COLLECTORS = """\
  collectors:
    - !TaskCpuCollector
    - !TaskMemoryCollector
    - !TaskIoCollector
    - !TaskPidsCollector
    - !TaskSpecCollector
    - !TaskPsiCollector
    - !TaskSchedstatCollector
    - !TaskWorkCollector
      sources:
        - !WorkCounterFile
          path: {counter}
          labels: {{task_name: {victim}}}
    - !NodeCpuCollector
    - !NodeMemoryCollector
    - !NodePsiCollector
"""
#: Seconds in which the agent has to begin, and to end.
_PATIENCE = 15


def configuration(counter: Path) -> str:
    """The configuration that records: every task, each second.

    Args:
        counter: the file in which the victim counts its work.
    """
    tasks = ", ".join(map(task_id, (VICTIM, *NEIGHBOURS)))
    text = _CONFIGURATION + COLLECTORS
    return text.format(tasks=tasks, counter=counter, victim=task_id(VICTIM))


@contextlib.contextmanager
def recording(counter: Path, folder: Path, target: Path) -> Iterator[None]:
    """Let the agent record into a file; it has begun when this begins.

    Args:
        counter: of the victim's work.
        folder: for the configuration and the agent's log.
        target: the recording; one of that name is replaced.

    Raises:
        UnusableError: the agent does not begin, or ends with an error.
    """
    config, log = folder / "record.yaml", folder / "agent.log"
    config.write_text(configuration(counter))
    config.chmod(0o644)
    target.unlink(missing_ok=True)
    wca = [sys.executable, "-m", "wca", "record", "--root", "-c", str(config), "--to", str(target)]
    with running(["taskset", "-c", str(OTHER_CPU), *wca], log, target):
        yield


@contextlib.contextmanager
def running(command: Sequence[str], log: Path, sign: Path) -> Iterator[subprocess.Popen]:
    """Run an agent, which has begun when this begins, and has ended when this ends.

    Args:
        command: that starts it.
        log: takes what it prints.
        sign: a file that is there when it has begun.

    Raises:
        UnusableError: the agent does not begin, or ends with an error.
    """
    with log.open("w") as output:
        agent = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + _PATIENCE
        while not sign.exists():
            if agent.poll() is not None or time.monotonic() > deadline:
                raise UnusableError(f"the agent does not begin: {log.read_text().strip()[-500:]}")
            time.sleep(0.05)
        yield agent
    finally:
        agent.send_signal(signal.SIGTERM)
        try:
            agent.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            agent.kill()
            agent.wait()
    if agent.returncode not in (0, -signal.SIGTERM, 128 + signal.SIGTERM):
        raise UnusableError(
            f"the agent ended with {agent.returncode}: {log.read_text().strip()[-500:]}"
        )
