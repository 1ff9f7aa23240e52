"""Asking a plugin about a recording, as a runner would have asked it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from wca.detectors.api import Stateful
from wca.detectors.encoding import describe, record_line
from wca.errors import PLUGIN_ERRORS, ValidationError
from wca.recording.frame import Frame, FrameAnswer, Header, RecordingError, answer_of, failed
from wca.recording.plugins import Plugin, ask

__all__ = ["answer_line", "asked", "replay", "restore"]


def restore(detector: Plugin, header: Header) -> bool:
    """Let a detector begin where the recorded one began; whether there was anything to restore.

    Args:
        detector: it has been started and not been asked.
        header: of the recording.

    Raises:
        RecordingError: it cannot use the recorded state.
    """
    same = header.detector == type(detector).__name__
    if not same or header.state is None or not isinstance(detector, Stateful):
        return False
    try:
        detector.load_state(header.state)
    except PLUGIN_ERRORS as error:
        words = str(error) if isinstance(error, ValidationError) else _words(error)
        raise RecordingError(
            f"{header.detector} cannot use the state of the recording ({words}): "
            "add --fresh to begin without it"
        ) from error
    return True


def asked(frames: Iterable[Frame], header: Header, detector: str) -> Iterator[Frame]:
    """The frames that a detector is asked about: all, or those about which it was asked.

    Args:
        frames: of the recording.
        header: of the recording.
        detector: the class of the one that is asked now.
    """
    some = header.detector == detector
    return (frame for frame in frames if frame.answer is not None or not some)


def replay(frames: Iterable[Frame], detector: Plugin) -> Iterator[tuple[Frame, FrameAnswer]]:
    """Ask a detector about each frame; what it raises is its answer.

    Args:
        frames: in their order.
        detector: it has been started.
    """
    return ((frame, _answer(frame, detector)) for frame in frames)


def answer_line(answer: FrameAnswer, frame: Frame) -> str:
    """An answer as one line of JSON.

    Two whose numbers differ in any bit differ in their lines, but for NaNs; what JSON does not
    have, such as tuples and sets, is not told apart from what stands for it.
    """
    line: dict[str, Any] = {
        "time": frame.platform.timestamp,
        "monotonic": frame.platform.monotonic,
        "anomalies": answer.anomalies,
        "metrics": [
            {"name": one.name, "value": one.value, "labels": one.labels} for one in answer.metrics
        ],
    }
    if answer.allocations:
        line["allocations"] = answer.allocations
    more: Mapping[str, Any] = {"problems": list(answer.problems), "error": answer.error}
    return record_line({**line, **{name: value for name, value in more.items() if value}})


def _answer(frame: Frame, detector: Plugin) -> FrameAnswer:
    platform, tasks = frame.platform, frame.tasks
    try:
        answer = ask(detector, platform, tasks)
        described = describe(answer.anomalies, answer.problems)
        return answer_of(answer, described, platform, tasks, type(detector).__name__)
    except PLUGIN_ERRORS as error:
        return failed(error)


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
