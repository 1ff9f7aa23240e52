"""Recording what a run sees, and what its plugin answers, on a thread of its own."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wca.detectors.api import Stateful
from wca.errors import PLUGIN_ERRORS, StartError
from wca.recording import FrameAnswer, RecordingError, RecordingWriter
from wca.recording.frame import answer_of, failed
from wca.recording.plugins import Plugin
from wca.recording.writer import FLUSH_SECONDS
from wca.runners.asking import Said
from wca.runners.engine import Engine
from wca.runners.keeper import dumped
from wca.runners.stages import Sample
from wca.runners.views import View, Views
from wca.telemetry import Telemetry

__all__ = ["Hears", "Record", "Recorder"]

log = logging.getLogger(__name__)

#: Intervals that may wait for a disk; a new one is lost beyond that. Each is a copy of all numbers.
_MOST_WAITING = 20
#: Intervals that may wait for the answer of a plugin with a thread of its own.
_MOST_UNANSWERED = 60
#: Share of the time to close that the writer has.
_OF_THE_TIME = 0.8
NAME, LOST = "recording", "wca_recording_lost"


@dataclass
class _Interval:
    """One that was seen.

    Args:
        seen: the view that the plugin gets; only to know it again.
        copy: the same, that no plugin changes.
        answer: what it has said of it.
        settled: whether it will not say more.
    """

    seen: View
    copy: View
    answer: FrameAnswer | None = None
    settled: bool = False


class Recorder:
    """Takes intervals and answers and writes them in their order; never waits for the disk.

    Args:
        path: of the recording.
        make: makes the writer, once this is started; for its header.
        telemetry: where a disk that does not take it, and what is lost, is reported, as
            ``recording``.
        size: bytes from which on nothing more is recorded.
    """

    def __init__(
        self,
        path: str,
        make: Callable[[str], RecordingWriter],
        telemetry: Telemetry,
        size: int,
    ) -> None:
        self._path = path
        self._make = make
        self._telemetry = telemetry
        self._writer: RecordingWriter | None = None
        self._unsettled: deque[_Interval] = deque()
        self._waiting: deque[tuple[_Interval, int]] = deque()
        self._lost = 0
        self._size = size
        self._beyond = 0  # intervals after the last one that is in the file
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=NAME, daemon=True)

    def start(self) -> None:
        """Begin the file and start the thread.

        Raises:
            StartError: it cannot be written.
        """
        try:
            self._writer = self._make(self._path)
        except RecordingError as error:
            raise StartError(str(error)) from error
        self._telemetry.count(LOST, 0)
        self._thread.start()

    def see(self, seen: View, copy: View, *, asked: bool) -> None:
        """Take an interval; returns at once.

        Args:
            seen: the view.
            copy: of it, which nobody changes any more.
            asked: whether a plugin may answer; then ``hear`` is called, or a later interval's is.
        """
        with self._changed:
            self._unsettled.append(_Interval(seen, copy, settled=not asked))
            if len(self._unsettled) > _MOST_UNANSWERED:
                self._unsettled[0].settled = True
            self._pass_on()

    def hear(self, seen: View, answer: FrameAnswer) -> None:
        """Take the answer about an interval; those before it will get none."""
        with self._changed:
            if not any(one.seen is seen for one in self._unsettled):
                return  # it came too late
            for one in self._unsettled:
                one.settled = True
                if one.seen is seen:
                    one.answer = answer
                    break
            self._pass_on()

    def close(self, timeout: float) -> None:
        """Write what waits, for at most ``timeout`` seconds, and close the file; safe twice."""
        with self._changed:
            self._closing = True
            for one in self._unsettled:
                one.settled = True
            self._pass_on()
        if self._thread.ident is None:
            return
        self._thread.join(timeout * _OF_THE_TIME)
        if self._thread.is_alive():
            log.warning("the recording is still being written: its end is lost")

    def _pass_on(self) -> None:
        """Hand what is settled to the thread, in order."""
        while self._unsettled and self._unsettled[0].settled:
            interval = self._unsettled.popleft()
            if len(self._waiting) >= _MOST_WAITING:
                self._lose(f"more than {_MOST_WAITING} intervals wait for the disk")
            else:
                self._waiting.append((interval, self._lost))
                self._lost = 0
        self._changed.notify_all()

    def _lose(self, why: str) -> None:
        self._lost += 1
        self._telemetry.count(LOST)
        self._telemetry.failure(NAME, f"{why}: one is not recorded")

    def _run(self) -> None:
        writer = self._writer
        if writer is None:
            return
        while (waiting := self._next(writer)) is not None:
            self._write(writer, waiting)
        try:
            writer.close(self._beyond + self._lost)
        except OSError as error:
            self._telemetry.failure(NAME, error)

    def _next(self, writer: RecordingWriter) -> list[tuple[_Interval, int]] | None:
        """What waits; nothing when it is time to flush; None at the end."""
        with self._changed:
            patience = FLUSH_SECONDS if writer.waiting else None
            self._changed.wait_for(lambda: self._waiting or self._closing, patience)
            waiting = list(self._waiting)
            self._waiting.clear()
            return None if self._closing and not waiting else waiting

    def _write(self, writer: RecordingWriter, waiting: list[tuple[_Interval, int]]) -> None:
        dropped = writer.dropped
        for interval, lost in waiting:
            self._try(lambda one=interval, lost=lost: self._add(writer, one, lost))  # type: ignore[misc]
        if not waiting:
            self._try(writer.flush)
        self._telemetry.count(LOST, writer.dropped - dropped)

    def _try(self, write: Callable[[], None]) -> None:
        try:
            write()
        except PLUGIN_ERRORS as error:  # a plugin's objects are turned into text here
            self._telemetry.failure(NAME, error)
        else:
            self._telemetry.success(NAME)

    def _add(self, writer: RecordingWriter, interval: _Interval, lost: int) -> None:
        if self._beyond or writer.size >= self._size:
            self._beyond += 1 + lost
            self._telemetry.count(LOST)
            raise RecordingError(f"{self._path} has {writer.size} bytes: no more is recorded")
        view = interval.copy
        writer.add(view.platform, view.tasks, interval.answer, lost)


class Hears:
    """Tells the recorder what a detector answers; a ``Listener``.

    Args:
        recorder: takes it.
        detector: its name.
    """

    def __init__(self, recorder: Recorder, detector: str) -> None:
        self._recorder = recorder
        self._detector = detector

    def asking(self) -> None:
        """Nothing to do."""

    def answered(self, said: Said) -> None:
        """Record the answer; the objects in it are the plugin's, and may do anything."""
        view = said.view
        try:
            answer = answer_of(
                said.answer, said.described, view.platform, view.tasks, self._detector
            )
        except PLUGIN_ERRORS as error:
            answer = failed(error)
        self._recorder.hear(view, answer)

    def failed(self, view: View, error: BaseException) -> None:
        """Record that there is none."""
        self._recorder.hear(view, failed(error))

    def idle(self) -> None:
        """Nothing to do."""


class Record:
    """The stage of a run without a plugin: it records what a plugin would see.

    Args:
        views: makes that.
        recorder: takes it.
    """

    name = NAME

    def __init__(self, views: Views, recorder: Recorder) -> None:
        self._views = views
        self._recorder = recorder

    def run(self, sample: Sample) -> None:
        """Record the sample; the view is nobody else's."""
        view = self._views.of(sample)
        self._recorder.see(view, view, asked=False)


def start_recorder(
    path: str,
    engine: Engine,
    interval: float,
    labels: Mapping[str, str],
    plugin: Plugin | None = None,
    *,
    size: int,
) -> Recorder:
    """A recorder that is started, and closed with the engine.

    Args:
        path: of the recording.
        engine: of the run.
        interval: of the runner, in seconds.
        labels: of the node.
        plugin: whose answers are recorded; it has loaded its state.
        size: bytes from which on nothing more is recorded.

    Raises:
        StartError: the file cannot be written.
    """

    def make(path: str) -> RecordingWriter:
        return RecordingWriter(
            path,
            detector=None if plugin is None else type(plugin).__name__,
            state=_state(plugin, engine.telemetry),
            interval=interval,
            blocking=plugin is not None and plugin.blocking,
            labels=labels,
        )

    recorder = Recorder(path, make, engine.telemetry, size)
    engine.lifecycle.start(recorder, NAME)
    return recorder


def _state(detector: object, telemetry: Telemetry) -> Mapping[str, Any] | None:
    if not isinstance(detector, Stateful):
        return None
    try:
        return dumped(detector)
    except PLUGIN_ERRORS as error:
        telemetry.failure(NAME, f"dump_state() failed: {type(error).__name__}: {error}")
        return None
