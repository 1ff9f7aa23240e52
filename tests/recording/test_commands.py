"""`wca replay` and `wca detect`: the same answers every time, and what differs is told."""

import io
import json
import os

import pytest

from tests.detectors.node_simulator import Sim
from tests.main.agent import run, write_config
from tests.training.recorded import record
from wca.commands.outputs import replaced
from wca.detectors import AnomalyDetector, ContendedResource, ContentionAnomaly, ThresholdDetector
from wca.detectors.calling import call_detect
from wca.errors import ValidationError
from wca.metrics import Metric
from wca.recording import Frame, FrameAnswer, RecordingError, RecordingWriter, read_recording
from wca.recording.findings import Finding
from wca.recording.frame import Header
from wca.recording.labels import Episode
from wca.recording.replay import answer_line, asked, replay, restore
from wca.recording.timeline import Timeline, _Points
from wca.testing.detectors import a_platform, a_task, busy_history

NOW = a_platform().timestamp
CONFIG = """
runner: !DetectionRunner
  node: !StaticNode {{tasks: [web, batch]}}
  metrics_storage: !LogStorage {{output_filename: {folder}/never}}
  records: {folder}/never
  detector: {detector}
"""
RULE = """!ThresholdDetector
    rules: [{{metric: task_cpu_usage_seconds, above: {above}, name: cpu neighbour, resource: cpus}}]
"""
SAME = RULE.format(above=1.5)
PLUGINS = """
from wca.detectors import AnomalyDetector
from wca.metrics import Metric
from wca.runners import Runner

class Older(AnomalyDetector):
    def detect(self, platform, tasks_measurements, tasks_resources, tasks_labels):
        return [], [Metric("seen", len(tasks_labels["web"]) + tasks_resources["web"]["cpus"])]

class Fails(AnomalyDetector):
    def detect(self, platform, tasks_data):
        raise ValueError("no idea")

class CannotStart(Fails):
    def start(self):
        raise ValueError("no model")

class Alone(Runner):
    def run(self):
        return 0
"""


def threshold(above):
    rule = {"metric": "task_cpu_usage_seconds", "above": above, "name": "cpu neighbour"}
    return ThresholdDetector([{**rule, "resource": "cpus"}])


@pytest.fixture
def recorded(tmp_path):
    """A recording of ThresholdDetector: from second 10 to 20 web uses two CPUs."""
    path = tmp_path / "recording"
    detector = threshold(1.5)
    with_answers = replay(_frames(), detector)
    writer = RecordingWriter(str(path), detector="ThresholdDetector")
    for frame, answer in with_answers:
        writer.add(frame.platform, frame.tasks, answer)
    writer.close()
    return path


def _frames():
    used = 0.0
    for second in range(40):
        used += 2.0 if 10 <= second < 20 else 0.5
        tasks = {
            "web": a_task("web", {"task_cpu_usage_seconds": used, "task_work": second * 3}),
            "batch": a_task("batch", {"task_psi_cpu_some_seconds": second * 0.1}),
        }
        yield Frame(a_platform(float(second)), tasks)


@pytest.fixture
def call(tmp_path, recorded):
    """call(command, detector, *options): what the program says."""
    (tmp_path / "plugins.py").write_text(PLUGINS)

    def call(command, detector=SAME, *options, recording=recorded):
        config = write_config(tmp_path, CONFIG.format(detector=detector, folder=tmp_path))
        done = run(*(command, "--from", recording, "-c", config, *options), plugins=tmp_path)
        assert not (tmp_path / "never").exists()
        assert "Traceback" not in done.stderr
        return done

    return call


def test_the_same_detector_answers_the_same_every_time(call, tmp_path):
    first, second = call("replay"), call("replay")
    assert first.stdout == second.stdout
    assert first.stderr == "0 of 40 intervals differ from what was recorded\n"
    assert first.returncode == 0
    lines = [json.loads(line) for line in first.stdout.splitlines()]
    assert [line["time"] - NOW for line in lines] == list(range(40))
    named = [[one["verdict"] for one in line["anomalies"]] for line in lines]
    assert named == [["cpu neighbour"] if 10 <= second < 20 else [] for second in range(40)]
    to_file = call("replay", SAME, "--output", tmp_path / "out")
    assert (tmp_path / "out").read_text() == first.stdout
    assert to_file.stdout == ""


def test_another_rule_answers_otherwise(call):
    done = call("replay", RULE.format(above=0.4))
    assert done.returncode == 3
    assert done.stderr.startswith("39 of 40 intervals differ from what was recorded, the first at")


def test_another_detector_is_not_compared(call):
    done = call("replay", "!NOPAnomalyDetector")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 40
    assert done.stderr == (
        "40 intervals; nothing to compare: the recorded detector is ThresholdDetector, "
        "this is NOPAnomalyDetector\n"
    )


def test_a_plugin_of_the_first_releases_and_one_that_fails_are_asked(call):
    done = call("replay", "!Older {}", "-r", "plugins:Older")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0])["metrics"] == [
        {"name": "seen", "value": 3.0, "labels": {}}
    ]
    done = call("replay", "!Fails {}", "-r", "plugins:Fails")
    assert json.loads(done.stdout.splitlines()[0])["error"] == "ValueError: no idea"


def test_what_cannot_be_replayed_is_one_sentence(call, tmp_path):
    done = call("replay", "!CannotStart {}", "-r", "plugins:CannotStart")
    assert (done.returncode, done.stderr) == (1, "CannotStart cannot start: no model\n")
    done = call("replay", recording=tmp_path / "config.yaml")
    assert done.returncode == 1
    assert "config.yaml: is no recording of wca, `wca record` writes one\n" in done.stderr
    config = write_config(tmp_path, "runner: !Alone {}\n", "alone.yaml")
    done = call("detect", RULE.format(above=1), "-c", config, "-r", "plugins:Alone")
    assert done.returncode == 2
    assert "its runner has no detector, write a DetectionRunner with one" in done.stderr
    done = call("detect", RULE.format(above=1), "--labels", config)
    assert done.returncode == 2
    assert "the labels are no JSON" in done.stderr


def test_a_recording_that_was_cut_is_replayed_as_far_as_it_goes(call, recorded):
    recorded.write_bytes(recorded.read_bytes()[:-20])
    done = call("replay")
    assert done.returncode == 0
    assert "its end is missing" in done.stderr
    assert 0 < len(done.stdout.splitlines()) <= 40


def test_intervals_that_were_lost_are_told(call, tmp_path):
    writer = RecordingWriter(str(tmp_path / "gaps"), detector="ThresholdDetector")
    for place, (platform, tasks) in enumerate(busy_history(intervals=3)):
        writer.add(platform, tasks, FrameAnswer(), lost=place)
    writer.close()
    done = call("replay", recording=tmp_path / "gaps")
    words = f"{tmp_path / 'gaps'}: 3 intervals are missing, which could not be recorded"
    assert words in done.stderr
    assert words in call("detect", recording=tmp_path / "gaps").stderr


def test_a_recording_is_never_overwritten_by_what_is_made_of_it(call, recorded, tmp_path):
    before = recorded.read_bytes()
    link, symlink = tmp_path / "hard", tmp_path / "soft"
    os.link(recorded, link)
    symlink.symlink_to(recorded)
    for output in (recorded, link, symlink, f"{tmp_path}/../{tmp_path.name}/{recorded.name}"):
        for command, option in (("replay", "--output"), ("detect", "--png")):
            done = call(command, SAME, option, output)
            assert done.returncode == 2
            assert done.stderr == (
                f"{option} {output} is {recorded}, which is read: write another file\n"
            )
    assert recorded.read_bytes() == before


def test_an_output_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "out"
    path.write_text("before")

    def write_half():
        with replaced(str(path)) as file:
            file.write(b"half")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        write_half()
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["out"]
    with replaced(str(path)) as file:
        file.write(b"after")
    assert path.read_text() == "after"
    with replaced("/dev/null") as file:
        file.write(b"x")
    assert not os.path.isfile("/dev/null")


def test_labels_of_another_time_are_refused(call, recorded, tmp_path):
    labels = tmp_path / "labels.json"
    episode = {"start": NOW + 1000, "end": NOW + 1001, "kind": "x", "victim": "web"}
    labels.write_text(json.dumps({"version": 1, "episodes": [episode]}))
    done = call("detect", SAME, "--labels", labels)
    assert done.returncode == 2
    assert "are not in the time of what was recorded" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_rest_of_a_file_needs_nothing_of_the_machine_it_is_for(call, tmp_path):
    config = write_config(
        tmp_path,
        CONFIG.format(detector=SAME, folder=tmp_path).replace(
            "{output_filename:", "{output_filename: !Env WCA_NOT_HERE} #"
        ),
        "elsewhere.yaml",
    )
    done = call("replay", SAME, "-c", config)
    assert done.returncode == 0, done.stderr


def test_anomalies_are_printed(call):
    done = call("detect")
    assert done.returncode == 0, done.stderr
    (_, line) = done.stdout.splitlines()
    assert line.split() == [
        *("2023-11-14", "22:13:30.0", "9.0", "web", "cpus", "cpu", "neighbour", "nobody")
    ]
    done = call("detect", RULE.format(above=9))
    assert done.stdout == "no anomalies\n"


def test_anomalies_are_held_against_labels_and_drawn(call, tmp_path):
    episodes = [
        {
            "start": NOW + 8,
            "end": NOW + 20,
            "kind": "neighbour",
            "victim": "web",
            "verdict": "cpu neighbour",
            "culprits": ["batch"],
        },
        {"start": NOW + 31, "end": NOW + 39, "kind": "nothing"},
    ]
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"version": 1, "episodes": episodes}))
    rule = SAME
    picture = tmp_path / "timeline.png"
    done = call("detect", rule, "--labels", labels, "--format", "json", "--png", picture)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [one["task"] for one in found["anomalies"]] == ["web"]
    kind = found["score"]["kinds"]["neighbour"]
    counts = {name: kind[name]["count"] for name in ("found", "verdict_first", "abstained")}
    assert counts == {"found": 1, "verdict_first": 1, "abstained": 1}
    assert (kind["seconds_median"], kind["seconds_max"]) == (2.0, 2.0)
    assert found["score"]["kinds"]["nothing"]["found"]["count"] == 0
    assert found["score"]["quiet_seconds"] == 39 - 22
    header = picture.read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(header[16:20]) > 1000
    text = call("detect", rule, "--labels", labels).stdout
    assert "false alarms: 0 in 17 s" in text


def test_whatever_tasks_and_verdicts_are_called_they_are_drawn(tmp_path):
    odd = "web$^$_{"
    frames = [
        Frame(platform, {odd: tasks["web"]}) for platform, tasks in busy_history(intervals=20)
    ]
    timeline = Timeline()
    for frame in frames:
        timeline.add(frame)
    finding = Finding(NOW + 2, NOW + 3, odd, "cpus", "$\\x$", (odd,), (), 2)
    episode = Episode(NOW + 2, NOW + 3, kind="$_$", victim=odd)
    picture = io.BytesIO()
    timeline.draw(picture, frames, [finding], [episode])
    assert picture.getvalue().startswith(b"\x89PNG")


def test_what_is_kept_for_a_picture_does_not_grow_with_the_recording():
    points = _Points(0.0, 10.0)
    for second in range(100_000):
        points.add(float(second), 1.0 if second == 5000 else 0.5 if second % 2 else 0.0)
    kept = list(points)
    assert len(kept) <= 2 * 1601
    assert (5000.0, 1.0) in kept
    assert kept == sorted(kept)


def test_without_matplotlib_a_picture_is_refused_in_one_sentence(call, tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ImportError('none')")
    done = call("detect", SAME, "--png", tmp_path / "timeline.png")
    assert done.returncode == 2
    assert done.stderr == (
        "a picture needs matplotlib: install wca with its extra `plot`, or matplotlib\n"
    )


def test_the_order_in_which_a_process_keeps_its_sets_changes_no_bit(tmp_path, monkeypatch):
    quiet = {name: Sim() for name in ("web", "shop", "mail")}
    busy = {f"batch-{number}": Sim(cpu=0.1, work=None) for number in range(6)}
    worse = {**quiet, "web": Sim(psi=0.3, delay=0.5), "mail": Sim(psi=0.3, delay=0.5)}
    hogs = {name: Sim(cpu=1.8, work=None) for name in busy}
    recording = record(tmp_path / "made", (120, {**quiet, **busy}), (30, {**worse, **hogs}))
    detector = "!InterferenceDetector {samples: 30}"
    config = write_config(tmp_path, CONFIG.format(detector=detector, folder=tmp_path))
    printed = set()
    for seed in ("1", "2", "3"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        done = run("replay", "--from", recording, "-c", config)
        assert done.returncode == 0, done.stderr
        printed.add(done.stdout)
    (one,) = printed
    assert any(json.loads(line)["anomalies"] for line in one.splitlines())


# The state with which a recorded detector began.


class Counts(AnomalyDetector):
    def __init__(self):
        self.count = 0

    def detect(self, platform, tasks_data):
        self.count += 1
        return [ContentionAnomaly(ContendedResource.CPUS, "a")], [Metric("count", self.count)]

    def dump_state(self):
        return {"count": self.count}

    def load_state(self, state):
        if state["count"] < 0:
            raise ValidationError("count is negative")
        self.count = state["count"]


def test_a_replay_begins_where_the_recorded_detector_began(tmp_path):
    detector = Counts()
    detector.count = 41
    writer = RecordingWriter(str(tmp_path / "r"), detector="Counts", state=detector.dump_state())
    for frame, answer in replay(_frames(), detector):
        writer.add(frame.platform, frame.tasks, answer)
    writer.close()
    recording = read_recording(str(tmp_path / "r"))
    again = Counts()
    assert restore(again, recording.header)
    for frame, answer in replay(recording, again):
        assert answer_line(answer, frame) == answer_line(frame.answer, frame)
    fresh = list(replay(recording, Counts()))
    assert [answer.metrics[0].value for _, answer in fresh][:2] == [1, 2]


def test_a_state_is_given_to_the_same_detector_only():
    assert not restore(Counts(), Header(detector="Other", state={"count": 5}))
    assert not restore(Counts(), Header(detector="Counts"))
    assert not restore(threshold(1), Header(detector="ThresholdDetector", state={"count": 5}))
    for state in ({"count": -1}, {}):
        with pytest.raises(RecordingError, match="Counts cannot use the state of the recording"):
            restore(Counts(), Header(detector="Counts", state=state))


@pytest.mark.parametrize("blocking", [False, True])
def test_only_what_a_detector_saw_is_asked_again(blocking):
    """It misses intervals where nobody waits for it, and while it hangs."""
    frames = [Frame(a_platform(0.0), {}, answer) for answer in (None, FrameAnswer(), None)]
    seen = {"detector": "Counts", "blocking": blocking}
    assert list(asked(frames, Header(**seen), "Counts")) == [frames[1]]
    assert list(asked(frames, Header(**seen), "Other")) == frames
    assert list(asked(frames, Header(), "Counts")) == frames


def test_two_answers_that_differ_in_a_bit_have_different_lines():
    (frame, *_) = _frames()
    values = [0.0, -0.0, 0, 1, 1.0, 0.1, 0.1 + 2e-17, float("nan"), float("inf")]
    lines = {answer_line(FrameAnswer(metrics=[Metric("m", one)]), frame) for one in values}
    assert len(lines) == len({repr(one) for one in values})


def test_what_is_asked_is_what_the_runner_asks():
    (frame, *_) = _frames()
    assert call_detect(Counts(), frame.platform, frame.tasks)[1] == [Metric("count", 1)]
