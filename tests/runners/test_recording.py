"""The field `recording`: what was seen and said is in the file, and nothing waits for it."""

import os
import threading
import time

import pytest

from tests.runners.test_detection import Pages, Says, Slow, Tasks, contention, until, values
from wca.detectors import NOPAnomalyDetector
from wca.errors import StartError
from wca.metrics import Metric
from wca.nodes import Task
from wca.recording import FrameAnswer, RecordingWriter, read_recording
from wca.runners import DetectionRunner, MeasurementRunner
from wca.runners.asking import AskAside
from wca.runners.recorder import Hears, Recorder
from wca.runners.views import View
from wca.telemetry import Telemetry
from wca.testing.clock import FakeClock
from wca.testing.detectors import a_platform, a_task
from wca.testing.kernel import KernelTree
from wca.testing.storage import RecordingStorage


@pytest.fixture
def tree(tmp_path):
    made = KernelTree(tmp_path / "root", layout="hybrid")
    made.add_task("/a")
    return made


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "recording")


@pytest.fixture
def run(tree, path):
    """run(detector, iterations, **options): the frames of the recording, and the metrics."""

    def run(detector, iterations=1, **options):
        metrics = RecordingStorage()
        runner = DetectionRunner(
            detector=detector,
            kernel=tree.kernel,
            node=Tasks(Task("a", "a", "/a", labels={"app": "shop"}, resources={"cpus": 2})),
            clock=FakeClock(now=1000.0),
            metrics_storage=metrics,
            anomalies_storage=RecordingStorage(),
            recording=path,
            extra_collectors=[Pages(interval=10.0)],
            extra_labels={"zone": "z"},
            **options,
        )
        runner.stop_after(iterations)
        assert runner.run() == 0
        recording = read_recording(path)
        frames = list(recording)
        assert recording.problems == []
        return recording.header, frames, metrics.batches

    return run


def test_what_the_detector_saw_is_what_is_read(run):
    detector = Says()
    _, frames, _ = run(detector, 3)
    assert [(one.platform, one.tasks) for one in frames] == detector.seen
    assert frames[0].tasks["a"].measurements["task_mem_numa_pages"] == {"7": 5}
    read_at = frames[1].platform.read_at["task_mem_numa_pages"]
    assert read_at == frames[0].platform.monotonic


def test_what_it_answered_is_what_is_read(run):
    first = [contention("a", verdict="slow")], [Metric("own", 7, {"x": "y"})]
    header, frames, _ = run(Says(first, ValueError("no idea"), (["x"], []), ([], [])), 4)
    (record,) = frames[0].answer.anomalies
    assert (record["verdict"], record["contended_task_id"]) == ("slow", "a")
    assert (record["time"], record["detector"], record["labels"]) == (1000.0, "Says", {})
    assert frames[0].answer.metrics == [Metric("own", 7, {"x": "y"})]
    assert frames[1].answer == FrameAnswer(error="ValueError: no idea")
    assert frames[2].answer.problems == ["detect() gave a str as an anomaly, expected an Anomaly"]
    assert frames[3].answer == FrameAnswer([], [], [])
    assert (header.detector, header.state, header.interval) == ("Says", None, 1.0)
    assert header.labels["zone"] == "z"
    assert not header.blocking


def test_what_a_detector_does_to_what_it_saw_is_not_recorded(run):
    class Spoils(Says):
        def detect(self, platform, tasks_data):
            for task in tasks_data.values():
                task.measurements["task_mem_numa_pages"].clear()
                task.labels.clear()
            platform.measurements.clear()
            self.metric = Metric("own", 1, {})
            return [], [self.metric]

    _, frames, _ = run(Spoils(), 2)
    for frame in frames:
        assert frame.tasks["a"].measurements["task_mem_numa_pages"] == {"7": 5}
        assert frame.tasks["a"].labels["app"] == "shop"
        assert frame.platform.measurements


def test_what_is_lost_is_counted_from_the_start(run):
    _, _, batches = run(Says(), 2)
    assert values(batches[0], "wca_recording_lost") == [0]


def test_the_state_of_the_detector_is_that_before_the_first_interval(run, path):
    class Counts(NOPAnomalyDetector):
        count = 5

        def detect(self, platform, tasks_data):
            self.count += 1
            return [], []

        def dump_state(self):
            return {"count": self.count}

        def load_state(self, state):
            self.count = state["count"]

    detector = Counts()
    header, *_ = run(detector, 3)
    assert header.state == {"count": 5}
    detector.dump_state = lambda: 1 / 0
    header, frames, _ = run(detector, 2)
    assert header.state is None
    assert len(frames) == 2
    detector.dump_state = lambda: [1]
    assert run(detector)[0].state is None


def test_a_measurement_runner_records_without_answers(tree, path):
    storage = RecordingStorage()
    runner = MeasurementRunner(
        node=Tasks(Task("a", "a", "/a")),
        metrics_storage=storage,
        kernel=tree.kernel,
        clock=FakeClock(now=1000.0),
        recording=path,
    )
    runner.stop_after(3)
    assert runner.run() == 0
    recording = read_recording(path)
    frames = list(recording)
    assert [one.platform.timestamp for one in frames] == [1000.0, 1001.0, 1002.0]
    assert all(one.tasks["a"].measurements["task_cpu_usage_seconds"] >= 0 for one in frames)
    assert [one.answer for one in frames] == [None] * 3
    assert recording.header.detector is None
    assert len(storage.batches) == 3


def test_a_recording_that_cannot_be_written_keeps_the_agent_from_starting(run, path):
    os.mkdir(path)
    with pytest.raises(StartError, match="not a regular file"):
        run(Says())


def test_a_path_that_cannot_be_written_is_found_before_the_start(tmp_path):
    runner = MeasurementRunner(node=Tasks(), recording=str(tmp_path / "none" / "recording"))
    assert any("recording: there is no folder" in one for one in runner.check())


# The thread.


class Disk:
    """A writer whose disk waits for the test."""

    def __init__(self, path):
        self.go, self.busy = threading.Event(), threading.Event()
        self.frames, self.error = [], None
        self.size = self.dropped = 0
        self.waiting = False
        self.closed = False

    def add(self, platform, tasks, answer, lost):
        self.busy.set()
        assert self.go.wait(60)
        if self.error is not None:
            self.dropped += 1
            raise self.error
        self.frames.append((platform.timestamp, answer, lost))

    def flush(self):
        pass

    def close(self, lost=0):
        self.closed, self.lost = True, lost


@pytest.fixture
def recorder(path):
    made, telemetry = [], Telemetry()

    def make(path):
        made.append(Disk(path))
        return made[0]

    recorder = Recorder(path, make, telemetry, 4096)
    recorder.start()
    yield recorder, made[0], telemetry
    made[0].go.set()
    recorder.close(30.0)
    recorder.close(30.0)
    assert made[0].closed


def view(seconds):
    return View(a_platform(seconds), {"a": a_task("a", {"n": seconds})})


def see(recorder, seconds, *, asked=False):
    seen = view(seconds)
    recorder.see(seen, view(seconds), asked=asked)
    return seen


def lost(telemetry):
    return telemetry.measurements()["wca_recording_lost"]


def test_a_disk_that_takes_its_time_loses_intervals_and_says_so(recorder):
    recorder, disk, telemetry = recorder
    see(recorder, 0.0)
    assert disk.busy.wait(60)
    for second in range(1, 26):
        see(recorder, float(second))
    assert lost(telemetry) == 5
    assert telemetry.healthy("recording") is False
    disk.go.set()
    until(lambda: len(disk.frames) == 21, "the writing")
    see(recorder, 26.0)
    until(lambda: len(disk.frames) == 22, "the writing")
    assert [frame[2] for frame in disk.frames] == [0] * 21 + [5]


def test_a_disk_that_fails_is_reported_and_tried_again(recorder):
    recorder, disk, telemetry = recorder
    disk.error = OSError(28, "No space left on device")
    disk.go.set()
    see(recorder, 0.0)
    until(lambda: lost(telemetry) == 1, "the loss")
    assert telemetry.failures("recording") == 1
    disk.error = None
    see(recorder, 1.0)
    until(lambda: disk.frames, "the writing")


def test_a_recording_does_not_grow_for_ever_and_what_is_left_out_is_counted(recorder, caplog):
    recorder, disk, telemetry = recorder
    disk.size = 4096
    disk.go.set()
    for second in range(3):
        see(recorder, float(second))
    recorder.close(30.0)
    assert disk.frames == []
    (line,) = [one.message for one in caplog.records if "no more is recorded" in one.message]
    assert "has 4096 bytes" in line
    assert lost(telemetry) == telemetry.failures("recording") == disk.lost == 3


def test_a_recording_that_became_too_large_says_that_it_is_not_complete(path):
    telemetry = Telemetry()
    recorder = Recorder(path, RecordingWriter, telemetry, 4096)
    recorder.start()
    for number in range(400):
        see(recorder, 10.0 * number)
        if number % 10 == 9:  # a writer that is behind would lose some in the middle
            time.sleep(0.02)
    recorder.close(30.0)
    recording = read_recording(path)
    frames = list(recording)
    after = 400 - len(frames) - sum(frame.lost for frame in frames)
    assert frames
    assert after
    assert lost(telemetry) == 400 - len(frames)
    assert recording.problems == [
        f"{path}: it is not complete: {after} intervals after its last one were not recorded"
    ]
    assert not recording.cut


def test_an_interval_waits_for_its_answer_and_those_before_it_have_none(recorder):
    recorder, disk, _ = recorder
    disk.go.set()
    seen = [see(recorder, float(second), asked=True) for second in range(4)]
    answer = FrameAnswer(error="first")
    recorder.hear(seen[0], answer)
    until(lambda: len(disk.frames) == 1, "the first")
    recorder.hear(seen[2], answer)
    until(lambda: len(disk.frames) == 3, "the third")
    assert [frame[1] for frame in disk.frames] == [answer, None, answer]
    recorder.hear(seen[1], answer)  # nobody waits for it any more
    recorder.close(30.0)
    assert [frame[1] for frame in disk.frames] == [answer, None, answer, None]


def test_a_detector_that_hangs_does_not_hold_back_the_recording(recorder):
    recorder, disk, _ = recorder
    disk.go.set()
    seen = see(recorder, 0.0, asked=True)
    for second in range(1, 61):
        see(recorder, float(second), asked=True)
    until(lambda: disk.frames, "the first")
    recorder.hear(seen, FrameAnswer())
    assert [frame[1] for frame in disk.frames] == [None]


def test_of_a_detector_with_a_thread_the_intervals_that_it_saw_have_answers(path):
    detector, telemetry = Slow(), Telemetry()
    recorder = Recorder(path, lambda path: RecordingWriter(path, blocking=True), telemetry, 1 << 30)
    recorder.start()
    asks = AskAside(detector, "Slow", 0.01, telemetry, [Hears(recorder, "Slow")])
    asks.start()

    def ask(seconds):
        recorder.see(seen := view(seconds), view(seconds), asked=True)
        asks.ask(seen)

    ask(1.0)
    assert detector.asked.wait(60)
    for seconds in (1.1, 1.2, 1.3):
        ask(seconds)
    detector.go.set()
    until(lambda: len(detector.seen) == 2, "the second question")
    detector.error = ValueError("no idea")
    detector.go.set()
    until(lambda: telemetry.failures("Slow"), "the failure")
    asks.close(30.0)
    recorder.close(30.0)
    frames = list(read_recording(path))
    assert [one.platform.monotonic for one in frames] == [1001.0, 1001.1, 1001.2, 1001.3]
    first, *skipped, last = [one.answer for one in frames]
    assert [one.name for one in first.metrics] == ["seen_at"]
    assert skipped == [None, None]
    assert last.error == "ValueError: no idea"


def test_a_recorder_that_never_started_is_closed(path):
    Recorder(path, RecordingWriter, Telemetry(), 1 << 30).close(1.0)
    assert not os.path.exists(path)
