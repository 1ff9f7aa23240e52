"""The field `state`: what a detector has learned survives a restart, and can break nothing."""

import errno
import itertools
import json
import os
import stat
import threading
from typing import ClassVar

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.runners.test_detection import Tasks, until, value
from wca.detectors import AnomalyDetector, ContendedResource, ContentionAnomaly, Stateful
from wca.detectors.calling import UsableDetector
from wca.errors import StartError, ValidationError
from wca.metrics import Metric
from wca.runners import DetectionRunner
from wca.runners.asking import AskInTime
from wca.runners.keeper import EVERY, SHARE, Keeper
from wca.runners.keeper import _pieces as keeper_pieces
from wca.runners.views import View
from wca.telemetry import Telemetry
from wca.testing.clock import FakeClock
from wca.testing.detectors import a_platform
from wca.testing.kernel import KernelTree
from wca.testing.storage import RecordingStorage


class Counts(AnomalyDetector):
    """Counts the intervals that it has seen."""

    def __init__(self):
        self.count = 0
        self.dumped = None

    def detect(self, platform, tasks_data):
        self.count += 1
        return [], [Metric("count", self.count)]

    def dump_state(self):
        return {"count": self.count} if self.dumped is None else self.dumped()

    def load_state(self, state):
        if not isinstance(state.get("count"), int):
            raise ValidationError("count has to be a whole number")
        self.count = state["count"]


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "state.json")


@pytest.fixture
def run(tmp_path, path):
    tree = KernelTree(tmp_path / "root", layout="hybrid")

    def run(detector, iterations=1, **options):
        anomalies, metrics = RecordingStorage(), RecordingStorage()
        options.setdefault("clock", FakeClock())
        runner = DetectionRunner(
            detector=detector,
            kernel=tree.kernel,
            node=Tasks(),
            metrics_storage=metrics,
            anomalies_storage=anomalies,
            state=path,
            **options,
        )
        runner.stop_after(iterations)
        assert runner.run() == 0
        return anomalies.batches, metrics.batches

    return run


def content(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def test_a_detector_goes_on_where_it_was(run, path):
    run(Counts(), 3)
    assert content(path) == {"version": 1, "detector": "Counts", "state": {"count": 3}}
    batches, _ = run(Counts(), 2)
    assert [value(batch, "count") for batch in batches] == [4, 5]
    assert content(path)["state"] == {"count": 5}


def test_only_the_owner_can_read_it(run, path):
    run(Counts())
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert os.listdir(os.path.dirname(path)).count("state.json") == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is damaged"),
        ('{"version": 1, "detector": "Coun', "it is damaged"),
        ("[" * 100_000, "it is damaged"),
        ("[]", "it is no state of a detector"),
        ('{"version": 1, "detector": "Counts", "state": 5}', "it is no state of a detector"),
        ('{"version": 2, "detector": "Counts", "state": {}}', "its version is 2, this wca reads"),
        ('{"version": 1, "detector": "Other", "state": {}}', "of 'Other', not of 'Counts'"),
        ('{"version": 1, "detector": "Counts", "state": {}}', "count has to be a whole number"),
    ],
)
def test_a_file_that_cannot_be_used_is_put_aside_and_the_detector_begins_anew(
    run, path, caplog, text, words
):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o600)
    batches, metrics = run(Counts(), 2)
    assert [value(batch, "count") for batch in batches] == [1, 2]
    (line,) = [one.message for one in caplog.records if "cannot be used" in one.message]
    assert words in line
    assert f"it is {path}.unusable now" in line
    assert value(metrics[-1], "wca_failures", component="detector state") == 1
    with open(f"{path}.unusable", encoding="utf-8") as file:
        assert file.read() == text
    assert content(path)["state"] == {"count": 2}


def test_a_file_that_others_can_write_is_not_used(run, path, caplog):
    run(Counts())
    os.chmod(path, 0o622)
    batches, _ = run(Counts())
    assert value(batches[0], "count") == 1
    assert "others than its owner can write it" in caplog.text


def test_a_link_and_a_pipe_are_not_followed(run, path, tmp_path, caplog):
    (tmp_path / "else").write_text('{"version": 1, "detector": "Counts", "state": {"count": 7}}')
    os.symlink(tmp_path / "else", path)
    batches, _ = run(Counts())
    assert value(batches[0], "count") == 1
    os.unlink(path)
    os.mkfifo(path)
    batches, _ = run(Counts())
    assert value(batches[0], "count") == 1


def test_those_that_were_put_aside_before_are_kept_a_few_of_them(run, path):
    for number in range(1, 8):
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"damaged {number}")
        run(Counts())
    aside = sorted(name for name in os.listdir(os.path.dirname(path)) if "unusable" in name)
    assert aside == ["state.json.unusable", *(f"state.json.unusable.{one}" for one in range(2, 6))]
    with open(f"{path}.unusable", encoding="utf-8") as file:
        assert file.read() == "damaged 1"
    with open(f"{path}.unusable.5", encoding="utf-8") as file:
        assert file.read() == "damaged 7"


@pytest.mark.parametrize("error", [errno.EIO, errno.EACCES, errno.EMFILE])
def test_a_file_that_cannot_be_read_now_is_left_alone(path, monkeypatch, error):
    run_before = Keeper(path, Counts(), Telemetry(), FakeClock().monotonic)
    run_before.start()
    run_before.close(30.0)
    before = content(path)

    def refuse(*_arguments, **_options):
        raise OSError(error, os.strerror(error))

    keeper = Keeper(path, Counts(), Telemetry(), FakeClock().monotonic)
    with monkeypatch.context() as patch:
        patch.setattr("wca.runners.keeper.os.open", refuse)
        with pytest.raises(StartError, match="cannot be read") as caught:
            keeper.start()
    assert os.strerror(error) in str(caught.value)
    keeper.close(30.0)
    assert content(path) == before
    assert os.listdir(os.path.dirname(path)) == ["state.json"]


def test_a_file_that_can_neither_be_used_nor_put_aside_keeps_the_agent_from_starting(run, path):
    for end in ("", ".2", ".3", ".4", ".5"):
        os.mkdir(f"{path}.unusable{end}")
    with open(path, "w", encoding="utf-8"):
        pass
    with pytest.raises(StartError, match="move it away"):
        run(Counts())


@pytest.mark.parametrize(
    ("dumped", "words"),
    [
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: [1], "it gave a list, expected a mapping"),
        (lambda: {"a": object()}, "not JSON serializable"),
        (lambda: {"a": float("nan")}, "Out of range float"),
        (lambda: {("a", "b"): 1}, "keys must be"),
    ],
)
def test_a_state_that_makes_no_sense_is_reported_and_the_last_one_stays(
    run, path, caplog, dumped, words
):
    run(Counts(), 2)
    detector = Counts()
    detector.dumped = dumped
    batches, _ = run(detector, 2)
    assert [value(batch, "count") for batch in batches] == [3, 4]
    assert "detector state fails: dump_state() failed" in caplog.text
    assert words in caplog.text
    assert content(path)["state"] == {"count": 2}


def test_a_detector_without_a_state_is_told_of(run, path, caplog):
    class Simple(AnomalyDetector):
        def detect(self, platform, tasks_data):
            return [], []

    run(Simple())
    assert f"Simple has none: {path} is not used" in caplog.text
    assert not os.path.exists(path)


def test_a_folder_that_is_not_there_is_found_before_the_start(tmp_path):
    for state, words in (
        (tmp_path / "none" / "state", "there is no folder"),
        (tmp_path, "is not a regular file"),
    ):
        runner = DetectionRunner(detector=Counts(), node=Tasks(), state=str(state))
        assert any(one.startswith("state: ") and words in one for one in runner.check())


# Between start and end.


class Idle:
    """The last listener: tells when those before it have done what they do when it is idle."""

    def __init__(self):
        self.again = threading.Event()

    def asking(self):
        self.again.clear()

    def answered(self, said):
        pass

    def failed(self, view, error):
        pass

    def idle(self):
        self.again.set()


class Asks(AskInTime):
    """Waits until the detector is idle again, so that a test may set the clock."""

    def __init__(self, *arguments, listeners):
        self.again = Idle()
        super().__init__(*arguments, [*listeners, self.again])

    def ask(self, view):
        said = super().ask(view)
        assert self.again.again.wait(60)
        return said


@pytest.fixture
def kept(path):
    """A detector that is asked, its keeper, and the clock."""
    clock, detector, telemetry = FakeClock(), Counts(), Telemetry()
    keeper = Keeper(path, detector, telemetry, clock.monotonic)
    keeper.start()
    asks = Asks(detector, "Counts", 60.0, telemetry, clock.monotonic, listeners=[keeper])
    asks.start()
    yield asks, keeper, clock, detector, telemetry
    asks.close(30.0)
    keeper.close(30.0)
    keeper.close(30.0)


def ask(asks):
    return asks.ask(View(a_platform(0.0), {}))


def test_it_is_saved_every_five_minutes(kept, path):
    asks, _, clock, _, telemetry = kept
    ask(asks)
    clock.advance(EVERY - 1)
    ask(asks)
    assert not os.path.exists(path)
    clock.advance(1)
    ask(asks)
    until(lambda: os.path.exists(path), "the saving")
    assert content(path)["state"] == {"count": 3}
    clock.advance(EVERY - 1)
    ask(asks)
    assert content(path)["state"] == {"count": 3}
    clock.advance(1)
    ask(asks)
    until(lambda: content(path)["state"] == {"count": 5}, "the next saving")
    assert telemetry.failures("detector state") == 0


def test_it_is_saved_after_an_interval_in_which_the_detector_has_failed(kept, path):
    asks, _, clock, detector, _ = kept
    detector.detect = None  # cannot be called
    clock.advance(EVERY)
    ask(asks)
    until(lambda: os.path.exists(path), "the saving")


@pytest.mark.parametrize("error", [GeneratorExit, KeyboardInterrupt])
def test_whatever_ends_a_question_the_state_is_saved_and_the_next_one_is_asked(kept, path, error):
    class Breaks(ContentionAnomaly):
        def generate_metrics(self):
            raise error

    asks, _, clock, detector, telemetry = kept
    usual = detector.detect
    detector.detect = lambda *_: ([Breaks(ContendedResource.CPUS, "a")], [])
    assert ask(asks) is None
    assert telemetry.failures("Counts") == 1
    detector.detect = usual
    clock.advance(EVERY)
    assert ask(asks) is not None
    until(lambda: os.path.exists(path), "the saving")


def test_a_state_that_takes_long_to_dump_is_saved_more_rarely(kept, path):
    asks, _, clock, detector, _ = kept
    dumps = []

    def dump():
        dumps.append(clock.monotonic())
        clock.advance(2 * EVERY * SHARE)
        return {"count": detector.count}

    detector.dumped = dump
    for _ in range(8):
        clock.advance(EVERY / 2)
        ask(asks)
    gaps = [after - before for before, after in itertools.pairwise(dumps)]
    assert len(dumps) == 2
    assert min(gaps) >= 2 * EVERY


class Encoded(dict):
    """Tells on which thread it becomes text."""

    threads: ClassVar = []

    def items(self):
        self.threads.append(threading.current_thread().name)
        return super().items()


def test_it_becomes_text_on_the_thread_that_writes(kept, path):
    asks, _, clock, detector, _ = kept
    detector.dumped = lambda: {"count": 1, "more": Encoded(a=1)}
    clock.advance(EVERY)
    ask(asks)
    until(lambda: os.path.exists(path), "the saving")
    assert set(Encoded.threads) == {"detector state"}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    ),
    st.integers(0, 4),
)
def test_the_pieces_are_the_text_that_json_makes(value, levels):
    assume(not _has_infinity(value))
    assert "".join(keeper_pieces(value, levels)) == json.dumps(value)


def _has_infinity(value):
    return "Infinity" in json.dumps(value)


def test_a_disk_that_does_not_take_it_is_reported(kept, path):
    asks, _, clock, _, telemetry = kept
    os.mkdir(path)
    clock.advance(EVERY)
    ask(asks)
    until(lambda: telemetry.failures("detector state"), "the failure")
    os.rmdir(path)


def test_the_state_of_a_detector_that_hangs_is_left_alone(path, caplog):
    class Hangs(Counts):
        go, busy = threading.Event(), threading.Event()

        def detect(self, platform, tasks_data):
            self.busy.set()
            assert self.go.wait(60)
            return [], []

    detector, telemetry = Hangs(), Telemetry()
    keeper = Keeper(path, detector, telemetry, FakeClock().monotonic)
    keeper.start()
    asks = AskInTime(detector, "Hangs", 0.1, telemetry, FakeClock().monotonic, [keeper])
    asks.start()
    ask(asks)
    assert detector.busy.wait(60)
    keeper.close(30.0)
    detector.go.set()
    asks.close(30.0)
    assert "Hangs is still busy: its last state is not saved" in caplog.text
    assert not os.path.exists(path)


def test_a_keeper_that_never_started_is_closed(path):
    Keeper(path, Counts(), Telemetry(), FakeClock().monotonic).close(1.0)
    assert not os.path.exists(path)


# What a configuration refuses.


def a_detector(**methods):
    methods.setdefault("detect", lambda self, platform, tasks_data: ([], []))
    return type("Mine", (AnomalyDetector,), methods)()


async def coroutine(self, state):
    pass


@pytest.mark.parametrize(
    ("methods", "words"),
    [
        ({"dump_state": lambda self: {}}, "has no load_state"),
        ({"load_state": lambda self, state: None}, "has no dump_state"),
        (
            {"dump_state": lambda self, x: {}, "load_state": lambda self, state: None},
            "Mine.dump_state must be callable as dump_state",
        ),
        (
            {"dump_state": lambda self: {}, "load_state": lambda self: None},
            "Mine.load_state must be callable as load_state",
        ),
        ({"dump_state": lambda self: {}, "load_state": coroutine}, "must not be a coroutine"),
    ],
)
def test_half_a_state_is_refused_where_the_detector_stands(methods, words):
    with pytest.raises(ValidationError, match=words):
        UsableDetector().check(a_detector(**methods))


def test_a_field_that_happens_to_have_the_name_is_no_state():
    UsableDetector().check(a_detector(dump_state=5))


def test_whoever_has_both_is_stateful():
    assert isinstance(Counts(), Stateful)
    UsableDetector().check(Counts())
