"""The agent records real tasks; the recording is asked again, and survives a kill."""

import signal
import subprocess
import sys

import pytest

from tests.main.agent import Agent, run, wait_until, write_config
from wca.recording import RecordingError, read_recording

MEASURING = """
runner: !MeasurementRunner
  interval: 100ms
  node: !StaticNode {{tasks: [{busy}]}}
  metrics_storage: !LogStorage {{output_filename: {folder}/metrics.txt, overwrite: true}}
"""
DETECTING = """
runner: !DetectionRunner
  interval: 100ms
  extra_labels: {{zone: z}}
  node: !StaticNode {{tasks: [{busy}]}}
  metrics_storage: !LogStorage {{output_filename: {folder}/metrics.txt, overwrite: true}}
  anomalies_storage: !LogStorage {{output_filename: {folder}/anomalies.txt, overwrite: true}}
  detector: !ThresholdDetector
    rules:
      - {{metric: task_cpu_usage_seconds, above: {above}, window: 500ms, resource: cpus}}
"""


@pytest.fixture
def busy(real_cgroups):
    """A cgroup with a process that uses a CPU as far as it gets it."""
    path = real_cgroups.make("busy")
    spin = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        real_cgroups.place(path, spin.pid)
        yield path[1:]
    finally:
        spin.kill()
        spin.wait()


@pytest.fixture
def config(busy, tmp_path):
    def config(text=DETECTING, above=0.05):
        return write_config(tmp_path, text.format(busy=busy, folder=tmp_path, above=above))

    return config


def test_a_recorded_run_is_answered_the_same_again_and_by_another_rule_otherwise(
    config, busy, tmp_path
):
    path = tmp_path / "recording"
    done = run("record", "-c", config(), "--to", path, "--iterations", 20)
    assert done.returncode == 0, done.stderr
    recording = read_recording(str(path))
    frames = list(recording)
    assert (len(frames), recording.problems) == (20, [])
    assert recording.header.labels["zone"] == "z"
    assert any(frame.answer.anomalies for frame in frames)
    assert frames[-1].tasks[busy].measurements["task_cpu_usage_seconds"] > 0
    same = run("replay", "--from", path, "-c", config())
    assert (same.returncode, same.stderr) == (
        0,
        "0 of 20 intervals differ from what was recorded\n",
    )
    assert same.stdout == run("replay", "--from", path, "-c", config()).stdout
    other = run("replay", "--from", path, "-c", config(above=500))
    assert other.returncode == 3
    assert "20 of 20 intervals differ" in other.stderr  # the limit is in the verdict
    found = run("detect", "--from", path, "-c", config())
    assert busy in found.stdout


def test_measurements_are_recorded_without_a_detector_and_shown_to_one_later(
    config, busy, tmp_path
):
    path = tmp_path / "recording"
    done = run("record", "-c", config(MEASURING), "--to", path, "--duration", "1s")
    assert done.returncode == 0, done.stderr
    assert len(list(read_recording(str(path)))) == 10
    found = run("replay", "--from", path, "-c", config())
    assert found.returncode == 0
    assert "no detector was recorded, this is ThresholdDetector" in found.stderr
    assert "contended_task_id" in found.stdout


def test_a_killed_agent_leaves_all_but_the_last_seconds(config, tmp_path):
    path = tmp_path / "recording"
    with Agent("record", "-c", config(), "--to", path) as agent:
        wait_until(lambda: _frames(path) > 40, "the first block of frames")
        agent.end(signal.SIGKILL)
    recording = read_recording(str(path))
    assert recording.cut
    assert len(list(recording)) > 40
    done = run("replay", "--from", path, "-c", config())
    assert done.returncode == 0
    assert "its end is missing" in done.stderr
    assert "0 of " in done.stderr


def test_what_cannot_be_recorded_is_one_sentence(config, tmp_path):
    (tmp_path / "other").write_text("precious")
    done = run("record", "-c", config(), "--to", tmp_path / "other")
    assert (done.returncode, (tmp_path / "other").read_text()) == (1, "precious")
    assert "holds something else than a recording" in done.stderr
    assert "Traceback" not in done.stderr
    done = run("record", "-c", config(), "--to", tmp_path / "new", "--duration", "soon")
    assert done.returncode == 2
    assert "--duration soon: write a time such as 90s or 10m" in done.stderr


def _frames(path):
    try:
        return sum(1 for _ in read_recording(str(path)))
    except RecordingError:
        return 0
