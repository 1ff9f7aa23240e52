"""Asking a detector or an allocator on a thread of its own, so that none can hold up the loop."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from wca.detectors.answers import Answer
from wca.detectors.encoding import Described, describe
from wca.recording.plugins import Plugin, ask, method_of
from wca.runners.views import View
from wca.telemetry import Telemetry

__all__ = ["AskAside", "AskInTime", "Listener", "Said"]

log = logging.getLogger(__name__)

#: A detector for which the loop waits is slow when it takes more than this share of the interval,
#: and more seconds than this.
SLOW_SHARE, SLOW_SECONDS = 0.5, 0.05
#: The loop waits for it for one interval, and at least so many seconds.
WAIT_SECONDS = 1.0
#: One for which it does not wait is slow when it has not answered for so many intervals, and so
#: many seconds.
LATE_INTERVALS, LATE_SECONDS = 3, 5.0
#: Share of the time for closing after which a thread that still works is left behind.
_OF_THE_TIME = 0.8


@dataclass(frozen=True)
class Said:
    """An answer and what it is about.

    Args:
        view: what the detector saw.
        answer: what it said; its problems with those of its anomalies.
        described: its anomalies.
        seconds: that it took.
    """

    view: View
    answer: Answer
    described: Sequence[Described] = ()
    seconds: float = 0.0


class Listener(Protocol):
    """Is told of every question, on the thread on which the detector is asked."""

    def asking(self) -> None:
        """The detector is about to be asked. Does not raise."""

    def answered(self, said: Said) -> None:
        """It has answered."""

    def failed(self, view: View, error: BaseException) -> None:
        """It has raised instead."""

    def idle(self) -> None:
        """It is free again; called after each ``asking``, whatever happened in between."""


@dataclass(frozen=True)
class _Result:
    """What became of a question.

    Args:
        said: the answer; None: there is none.
        error: what was raised instead.
        seconds: that the detector took.
    """

    said: Said | None
    error: BaseException | None
    seconds: float


class _Asking:
    """What both ways have in common: the thread, the call, and what is wrong with the answer."""

    def __init__(
        self,
        detector: Plugin,
        name: str,
        interval: float,
        telemetry: Telemetry,
        monotonic: Callable[[], float],
        listeners: Sequence[Listener] = (),
    ) -> None:
        self._listeners = listeners
        self._detector = detector
        self._method = method_of(detector)
        self._name = name
        self._interval = interval
        self._telemetry = telemetry
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._view: View | None = None  # that the thread has not taken yet
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self, timeout: float) -> None:
        """End the thread.

        Args:
            timeout: seconds; a detector that takes longer is left behind.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout * _OF_THE_TIME)
            if self._thread.is_alive():
                log.warning("%s is still busy: it is left behind", self._name)

    def _run(self) -> None:
        while (view := self._next()) is not None:
            for listener in self._listeners:
                listener.asking()
            try:
                self._take(view, self._call(view))
            finally:
                self._tell_idle()

    def _next(self) -> View | None:
        """The newest view, taken; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._view is not None or self._closing)
            view, self._view = self._view, None
            self._begin()
            return None if self._closing else view

    def _begin(self) -> None:
        """A view was taken; the lock is held."""

    def _take(self, view: View, result: _Result) -> None:
        """What became of a view, on the thread."""
        raise NotImplementedError

    def _call(self, view: View) -> _Result:
        start = self._monotonic()
        seconds = None
        try:
            try:
                answer = ask(self._detector, view.platform, view.tasks)
            finally:
                seconds = self._monotonic() - start
                self._telemetry.duration(self._method, seconds)
            said = Said(view, answer, describe(answer.anomalies, answer.problems), seconds)
            for listener in self._listeners:
                listener.answered(said)
        except BaseException as error:  # noqa: BLE001 - no signal comes to this thread
            for listener in self._listeners:
                listener.failed(view, error)
            return _Result(None, error, seconds or 0.0)
        return _Result(said, None, seconds)

    def _tell_idle(self) -> None:
        for listener in self._listeners:
            try:
                listener.idle()
            except BaseException as error:  # noqa: BLE001 - of the detector's dump_state
                self._telemetry.failure(self._name, error)

    def _report(self, problems: list[str]) -> None:
        """One failure for an answer, however much is wrong with it."""
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            self._telemetry.failure(self._name, problems[0] + more)
        else:
            self._telemetry.success(self._name)


class AskInTime(_Asking):
    """Asks about every interval and waits for the answer, but not for ever.

    A detector that has not answered in time costs its answers until it has returned.

    Args:
        detector: what is asked; it may be an allocator.
        name: under which it is reported.
        interval: of the runner, in seconds.
        telemetry: where that is.
        monotonic: time in seconds, by which it is slow; waiting is done in real time.
        listeners: are told of every question and answer.
    """

    def __init__(
        self,
        detector: Plugin,
        name: str,
        interval: float,
        telemetry: Telemetry,
        monotonic: Callable[[], float],
        listeners: Sequence[Listener] = (),
    ) -> None:
        super().__init__(detector, name, interval, telemetry, monotonic, listeners)
        self._patience = max(interval, WAIT_SECONDS)
        self._open: View | None = None  # that was asked about and has no answer yet
        self._since = 0.0
        self._result: _Result | None = None

    def ask(self, view: View) -> Said | None:
        """The answer about this interval; None when the detector failed or did not answer."""
        with self._changed:
            if self._open is None:
                self._put(view)
                self._changed.wait_for(lambda: self._result is not None, self._patience)
            result, self._result = self._result, None
            busy = time.monotonic() - self._since
        if result is None:
            message = f"{self._method}() has not returned for {busy:.0f} s: the loop goes on"
            self._telemetry.failure(self._name, message)
            return None
        if result.error is not None or result.said is None:
            self._telemetry.failure(self._name, result.error or "no answer")
            return None
        seconds = result.seconds
        slow = seconds > max(SLOW_SHARE * self._interval, SLOW_SECONDS)
        problems = [_slow(self._method, seconds, self._interval)] if slow else []
        self._report(result.said.answer.problems + problems)
        return result.said

    def _put(self, view: View) -> None:
        """Ask; an answer that came too late for its interval is dropped. The lock is held."""
        self._open = self._view = view
        self._since, self._result = time.monotonic(), None
        self._changed.notify_all()

    def _take(self, view: View, result: _Result) -> None:  # noqa: ARG002 - there is one only
        with self._changed:
            self._open, self._result = None, result
            self._changed.notify_all()


class AskAside(_Asking):
    """Asks with the newest data whenever the detector is free, and does not wait.

    Args: as of ``AskInTime``; the clock is real time, because the thread runs in it.
    """

    def __init__(
        self,
        detector: Plugin,
        name: str,
        interval: float,
        telemetry: Telemetry,
        listeners: Sequence[Listener] = (),
    ) -> None:
        super().__init__(detector, name, interval, telemetry, time.monotonic, listeners)
        self._said: Said | None = None
        self._busy_since: float | None = None
        self._late = False

    def ask(self, view: View) -> Said | None:
        """The last answer; None before the first, after a failure, and when it is too old."""
        limit = max(LATE_INTERVALS * self._interval, LATE_SECONDS)
        with self._changed:
            self._view = view
            self._changed.notify_all()
            since, said = self._busy_since, self._said
        busy = 0.0 if since is None else self._monotonic() - since
        late = busy > limit
        if late and not self._late:
            message = f"{self._method}() has not returned for {busy:.0f} s"
            self._telemetry.failure(self._name, message)
        self._late = late
        if said is None or late:
            return None
        age = view.platform.monotonic - said.view.platform.monotonic
        return said if age <= limit else None

    def _begin(self) -> None:
        self._busy_since = self._monotonic()

    def _take(self, view: View, result: _Result) -> None:  # noqa: ARG002 - it is in the answer
        said = result.said
        if said is None:
            self._telemetry.failure(self._name, result.error or "no answer")
        else:
            self._report(said.answer.problems)
        with self._changed:
            self._said, self._busy_since = said, None


def _slow(method: str, seconds: float, interval: float) -> str:
    return (
        f"{method}() took {seconds:.2f} s of an interval of {interval:g} s: give it less to do, "
        "or let nobody wait for it (blocking = True)"
    )
