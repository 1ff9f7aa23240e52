"""Whether a detector answers the same when it is asked the same again."""
# ruff: noqa: S101 - a contract suite is made of asserts

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wca.abilities import ability
from wca.detectors.api import AnomalyDetector, Stateful, TasksData
from wca.platforms.api import Platform
from wca.recording.frame import Frame
from wca.recording.replay import answer_line, replay

__all__ = ["check_replay", "check_state"]

_Intervals = Iterable[Frame] | Iterable[tuple[Platform, TasksData]]


def check_replay(
    make: Callable[[], AnomalyDetector], intervals: Callable[[], _Intervals]
) -> list[str]:
    """Ask two new detectors the same and fail where the lines of their answers differ.

    Both are asked in this process, in which sets of texts keep one order: a detector that goes by
    that order is found by two processes with different ``PYTHONHASHSEED`` only.

    ::

        check_replay(MyDetector, lambda: read_recording("tests/one.recording"))

    Args:
        make: makes a detector.
        intervals: gives what it is asked about, made anew each time: a recording, or pairs of
            platform and tasks.

    Returns:
        The answers, a line of JSON each.
    """
    first, second = _answers(make(), intervals()), _answers(make(), intervals())
    for place, (one, other) in enumerate(zip(first, second, strict=True)):
        assert one == other, f"interval {place} has another answer when it is asked again"
    return first


def check_state(make: Callable[[], AnomalyDetector], intervals: Callable[[], _Intervals]) -> None:
    """Fail where the state of a ``Stateful`` detector does not bring back what it was.

    Args:
        make: makes a detector.
        intervals: as of ``check_replay``; it learns from the first half.
    """
    frames = _frames(intervals())
    half = len(frames) // 2
    first = make()
    assert isinstance(first, Stateful), f"{type(first).__name__} has no state"
    _answers(first, frames[:half])
    learned = _dumped(first)
    assert _dumped(first) == learned, "dump_state() gives another state when it is called again"
    second, third = make(), make()
    assert isinstance(second, Stateful)
    assert isinstance(third, Stateful)
    second.load_state(json.loads(learned))
    loaded = _dumped(second)
    third.load_state(json.loads(loaded))
    assert _dumped(third) == loaded, "a state that was loaded and dumped is another one"
    rest = _frames(intervals())[half:], _frames(intervals())[half:]
    answers = _answers(second, rest[0]), _answers(third, rest[1])
    assert answers[0] == answers[1], "two detectors with one state have different answers"


def _answers(detector: Any, intervals: _Intervals) -> list[str]:
    start, close = ability(detector, "start"), ability(detector, "close")
    try:
        if start is not None:
            start()
        return [
            answer_line(answer, frame) for frame, answer in replay(_frames(intervals), detector)
        ]
    finally:
        if close is not None:
            close(5.0)


def _frames(intervals: _Intervals) -> list[Frame]:
    return [one if isinstance(one, Frame) else Frame(*one) for one in intervals]


def _dumped(detector: Stateful) -> str:
    state: Mapping[str, Any] = detector.dump_state()
    text = json.dumps(state, allow_nan=False)
    assert json.loads(text) == dict(state), "the state is no plain data of JSON"
    return text
