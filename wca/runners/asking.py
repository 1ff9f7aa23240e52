"""Asking a detector or an allocator: on the loop's thread, or on one of its own."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from wca.detectors.answers import Answer
from wca.detectors.encoding import Described, describe
from wca.errors import PLUGIN_ERRORS
from wca.recording.plugins import Plugin, ask, method_of
from wca.runners.views import View
from wca.telemetry import Telemetry

__all__ = ["AskAside", "AskHere", "Listener", "Said"]

log = logging.getLogger(__name__)

#: On the loop's thread a detector is slow when it takes more than this share of the interval, and
#: more seconds than this.
SLOW_SHARE, SLOW_SECONDS = 0.5, 0.05
#: On a thread of its own, when it has not answered for so many intervals, and so many seconds.
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
        """The detector is about to be asked."""

    def answered(self, said: Said) -> None:
        """It has answered."""

    def failed(self, view: View, error: BaseException) -> None:
        """It has raised instead."""


class _Asking:
    """What both ways have in common: the call, its duration, and what is wrong with the answer."""

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

    def _call(self, view: View) -> tuple[Said, float]:
        """Ask; the answer and the seconds it took. Raises what the detector does."""
        for listener in self._listeners:
            listener.asking()
        start = self._monotonic()
        try:
            answer = ask(self._detector, view.platform, view.tasks)
        except BaseException as error:
            for listener in self._listeners:
                listener.failed(view, error)
            raise
        finally:
            seconds = self._monotonic() - start
            self._telemetry.duration(self._method, seconds)
        said = Said(view, answer, describe(answer.anomalies, answer.problems), seconds)
        for listener in self._listeners:
            listener.answered(said)
        return said, seconds

    def _report(self, problems: list[str]) -> None:
        """One failure for an answer, however much is wrong with it."""
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            self._telemetry.failure(self._name, problems[0] + more)
        else:
            self._telemetry.success(self._name)


class AskHere(_Asking):
    """Calls the detector on the loop's thread.

    Args:
        detector: what is asked; it may be an allocator.
        name: under which it is reported.
        interval: of the runner, in seconds.
        telemetry: where that is.
        monotonic: time in seconds.
        listeners: are told of every question and answer.
    """

    def ask(self, view: View) -> Said | None:
        """The answer about this interval; None when the detector failed."""
        try:
            said, seconds = self._call(view)
        except PLUGIN_ERRORS as error:
            self._telemetry.failure(self._name, error)
            return None
        slow = seconds > max(SLOW_SHARE * self._interval, SLOW_SECONDS)
        problems = [_slow(self._method, seconds, self._interval)] if slow else []
        self._report(said.answer.problems + problems)
        return said


class AskAside(_Asking):
    """Calls the detector on a thread of its own, with the newest data whenever it is free.

    Args: as of ``AskHere``; the clock is real time, because the thread runs in it.
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
        self._changed = threading.Condition()
        self._view: View | None = None
        self._said: Said | None = None
        self._busy_since: float | None = None
        self._late = self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

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
            said = self._ask(view)
            with self._changed:
                self._said, self._busy_since = said, None

    def _next(self) -> View | None:
        """The newest view, taken; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._view is not None or self._closing)
            view, self._view = self._view, None
            self._busy_since = self._monotonic()
            return None if self._closing else view

    def _ask(self, view: View) -> Said | None:
        try:
            said, _ = self._call(view)
        except BaseException as error:  # noqa: BLE001 - no signal comes to this thread
            self._telemetry.failure(self._name, error)
            return None
        self._report(said.answer.problems)
        return said


def _slow(method: str, seconds: float, interval: float) -> str:
    return (
        f"{method}() took {seconds:.2f} s of an interval of {interval:g} s: give it less to do, "
        "or a thread of its own (blocking = True)"
    )
