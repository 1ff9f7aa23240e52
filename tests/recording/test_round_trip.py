"""A recording gives back what was put in: every value of its type, with its bits, in its order."""

import math
import struct
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wca.allocators import RDTAllocation
from wca.metrics import Metric
from wca.recording import Frame, FrameAnswer, RecordingWriter, read_recording
from wca.recording.coding import FrameDecoder, FrameEncoder
from wca.recording.plain import from_json, to_json
from wca.testing.detectors import a_platform, a_task, busy_history


def exact(value):
    """The value with its types, bits and order, as something that == compares fully."""
    if isinstance(value, float):
        return ("float", struct.pack(">d", value))
    if isinstance(value, dict):
        return ("dict", [(exact(key), exact(one)) for key, one in value.items()])
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, [exact(one) for one in value])
    if isinstance(value, (set, frozenset)):
        return (type(value).__name__, sorted(map(repr, value)))
    if hasattr(value, "__dataclass_fields__"):
        return [(one.name, exact(getattr(value, one.name))) for one in fields(value)]
    return (type(value).__name__, value)


def coded(frames):
    encoder, decoder = FrameEncoder(), FrameDecoder()
    return [decoder.decode(encoder.encode(frame)) for frame in frames]


def a_frame(second=0.0, machine=None, tasks=None, answer=None):
    seen = {id_: a_task(id_, numbers) for id_, numbers in (tasks or {}).items()}
    return Frame(a_platform(second, machine), seen, answer)


names = st.text(max_size=5)
numbers = st.one_of(
    st.integers(), st.integers(-3, 3), st.floats(), st.floats(0, 10), st.sampled_from([0.0, -0.0])
)
plain = st.recursive(
    st.one_of(numbers, names, st.booleans(), st.none(), st.binary(max_size=0).map(bytes.decode)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(names, inner, max_size=3),
        st.dictionaries(st.one_of(st.integers(), names), inner, max_size=3),
        st.sets(st.integers(), max_size=3),
        st.frozensets(names, max_size=3),
    ),
    max_leaves=8,
)
#: Few names, so that numbers meet those of the frame before.
measurements = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.one_of(numbers, plain, st.dictionaries(st.sampled_from(["0", "1"]), numbers)),
)


@given(plain)
@settings(deadline=None)
def test_any_value_comes_back_as_it_was(value):
    assert exact(from_json(to_json(value))) == exact(value)


@pytest.mark.parametrize("text", ["7ff8000000000001", "fff8000000000000", "7ff0000000000000"])
def test_a_nan_keeps_its_bits(text):
    (value,) = struct.unpack(">d", bytes.fromhex(text))
    assert exact(from_json(to_json(value))) == exact(value)


def test_what_json_cannot_hold_is_its_text():
    class Odd:
        def __str__(self):
            return "odd"

    class Worse:
        def __str__(self):
            raise ValueError

    deep = []
    for _ in range(1000):
        deep = [deep]
    assert from_json(to_json([Odd(), Worse()])) == ["odd", "a Worse (ValueError)"]
    assert "[[[" in repr(from_json(to_json(deep)))
    assert from_json(to_json(1 << 100_000)) == 1 << 100_000


@given(
    st.lists(
        st.tuples(measurements, st.dictionaries(st.sampled_from(["x", "y"]), measurements)),
        max_size=5,
    )
)
@settings(deadline=None)
def test_all_numbers_of_all_tasks_come_back_exactly(history):
    frames = [
        a_frame(float(second), machine, tasks) for second, (machine, tasks) in enumerate(history)
    ]
    assert exact(coded(frames)) == exact(frames)


@given(st.lists(st.lists(st.tuples(st.sampled_from(["m", "n"]), names, numbers), max_size=4)))
@settings(deadline=None)
def test_answers_come_back_exactly(answers):
    frames = [
        a_frame(
            answer=FrameAnswer(
                [{"verdict": name, "value": 1.5} for name, _, _ in metrics if name == "m"],
                [
                    Metric(name, value, {"label": text}, type="gauge", timestamp=1.5)
                    for name, text, value in metrics
                ],
                [text for _, text, _ in metrics],
                None if metrics else "ValueError: no",
            )
        )
        for metrics in answers
    ]
    assert exact(coded(frames)) == exact(frames)


def test_a_whole_history_and_what_changes_in_it_comes_back_exactly():
    frames = [Frame(*one) for one in busy_history(["web", "batch", "late"])]
    for place, frame in enumerate(frames):
        web = frame.tasks["web"]
        if place > 10:
            frame.tasks.pop("late", None)
            web.labels["zone"] = "b"
        if place > 15:
            frame.tasks["late"] = a_task("late", {"n": place})
            web.resources["cpus"] = 1 if place % 2 else 1.0
            web.allocations = {("cpu", 1): {"quota": 0.5}}
        if place > 20:
            web.containers = {"app": {"n": place}, "side": dict(web.measurements)}
            web.subcgroups_paths = ["/web/app", "/web/side"]
            frame.platform.read_at["memory_usage"] = place // 3 + 0.25
        if place % 7 == 0:
            frame.platform.measurements.clear()
            frame.tasks["batch"].measurements.clear()
        if place % 5 == 0:
            frames[place] = replace(frame, tasks=dict(reversed(frame.tasks.items())), lost=place)
    assert exact(coded(frames)) == exact(frames)


def test_the_facts_of_the_machine_come_back_and_may_change():
    facts = {"cpu_model_number": 85, "cpu_codename": "skylakex", "rdt_information": {"l3": [1, 2]}}
    first = a_frame(0.0)
    second = replace(first, platform=replace(first.platform, **facts, node_cpus={0: set()}))
    assert exact(coded([first, second, second])) == exact([first, second, second])


def test_what_is_read_belongs_to_the_reader():
    first, second = coded([a_frame(0, {"n": {"0": 1}}, {"a": {"m": 1}})] * 2)
    first.tasks["a"].labels.clear()
    first.tasks["a"].resources.clear()
    first.tasks["a"].measurements.clear()
    first.platform.measurements["n"].clear()
    first.platform.read_at["x"] = 1.0
    assert exact(second) == exact(a_frame(0, {"n": {"0": 1}}, {"a": {"m": 1}}))


def test_a_file_gives_back_its_frames_again_and_again(tmp_path):
    path = str(tmp_path / "recording")
    history = busy_history(intervals=700)  # beyond a frame that depends on none before it
    state = {"seen": [1, 2.5, math.inf, None], "deep": {"a": {}}}
    writer = RecordingWriter(
        path, detector="Mine", state=state, interval=1.0, blocking=True, labels={"host": "h"}
    )
    for place, (platform, tasks) in enumerate(history):
        writer.add(platform, tasks, FrameAnswer([], [Metric("m", place)]) if place % 2 else None)
    writer.close()
    recording = read_recording(path)
    for _ in range(2):
        frames = list(recording)
        assert exact([(one.platform, one.tasks) for one in frames]) == exact(history)
        assert [one.answer and one.answer.metrics[0].value for one in frames] == [
            place if place % 2 else None for place in range(700)
        ]
    header = recording.header
    assert (header.version, header.detector, header.state) == (1, "Mine", state)
    assert (header.interval, header.blocking, header.labels) == (1.0, True, {"host": "h"})
    assert not recording.cut
    assert recording.problems == []


def test_what_is_granted_in_resctrl_is_of_its_type_again():
    value = {"rdt": RDTAllocation("be", "L3:0=f", None)}
    assert exact(from_json(to_json(value))) == exact(value)
