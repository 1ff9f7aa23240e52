"""The state of a detector in a file: loaded at the start, saved now and then and at the end."""

import json
import logging
import os
import stat
import threading
from collections.abc import Callable, Mapping
from typing import Any

from wca.detectors.api import Stateful
from wca.durable import replace_file
from wca.errors import PLUGIN_ERRORS, StartError, ValidationError
from wca.recording.plugins import Plugin
from wca.runners.asking import Said
from wca.runners.views import View
from wca.telemetry import Telemetry

__all__ = ["Keeper", "dumped", "state_problems"]

log = logging.getLogger(__name__)

#: Of the file.
VERSION = 1
#: Seconds between two times that the state is saved.
EVERY = 300.0
#: Bytes of a file that is read.
_MOST_BYTES = 256 << 20
_OF_THE_TIME = 0.8
NAME = "detector state"


class Keeper:
    """Keeps the state of one detector; a ``Listener``: it is dumped on the detector's own thread.

    Writing is done on a thread, because a disk may take its time.

    Args:
        path: of the file.
        detector: has the state.
        telemetry: where a state that is of no use, or cannot be saved, is reported, as ``detector
            state``.
        monotonic: time in seconds.
    """

    def __init__(
        self,
        path: str,
        detector: Plugin,
        telemetry: Telemetry,
        monotonic: Callable[[], float],
    ) -> None:
        self._path = path
        self._detector = detector
        self._telemetry = telemetry
        self._monotonic = monotonic
        self._saved_at = monotonic()
        self._idle = threading.Lock()  # held while the detector is asked
        self._changed = threading.Condition()
        self._text: str | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=NAME, daemon=True)

    def start(self) -> None:
        """Give the detector the state of the file, and start the thread.

        Raises:
            StartError: there is a file that can neither be used nor put aside.
        """
        if isinstance(self._detector, Stateful):
            self._load(self._detector)
            self._thread.start()
        else:
            name = type(self._detector).__name__
            self._telemetry.failure(NAME, f"{name} has none: {self._path} is not used")

    def asking(self) -> None:
        """The detector is busy from now on."""
        self._idle.acquire()

    def answered(self, said: Said) -> None:  # noqa: ARG002 - of Listener
        """The detector is idle: save its state if it is time."""
        self._idle_again()

    def failed(self, view: View, error: BaseException) -> None:  # noqa: ARG002 - of Listener
        """The same."""
        self._idle_again()

    def close(self, timeout: float) -> None:
        """Save the state once more, within ``timeout`` seconds; safe without start and twice."""
        if self._thread.ident is None or self._closing:
            return
        if self._idle.acquire(timeout=0):
            self._dump()
        else:
            log.warning("%s is still busy: its last state is not saved", _name(self._detector))
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout * _OF_THE_TIME)
        if self._thread.is_alive():
            log.warning("the state of the detector is still being written: it may be lost")

    def _idle_again(self) -> None:
        now = self._monotonic()
        if now - self._saved_at >= EVERY and isinstance(self._detector, Stateful):
            self._saved_at = now
            self._dump()
        self._idle.release()

    def _load(self, detector: Stateful) -> None:
        try:
            state = _read(self._path, _name(detector))
            if state is not None:
                detector.load_state(state)
                log.info("the state of the detector is that of %s", self._path)
        except PLUGIN_ERRORS as error:
            words = str(error) if isinstance(error, ValidationError) else _words(error)
            aside = self._put_aside(words)
            message = f"{self._path} cannot be used, it is {aside} now: {words}"
            self._telemetry.failure(NAME, message)

    def _put_aside(self, why: str) -> str:
        aside = f"{self._path}.unusable"
        try:
            os.replace(self._path, aside)
        except OSError as error:
            raise StartError(
                f"the state of the detector, {self._path}, can neither be used ({why}) nor put "
                f"aside ({error.strerror}): move it away"
            ) from error
        return aside

    def _dump(self) -> None:
        """Take the state as text, while nobody changes it."""
        try:
            if isinstance(self._detector, Stateful):
                text = _text(_name(self._detector), dumped(self._detector))
                with self._changed:
                    self._text = text
                    self._changed.notify_all()
        except PLUGIN_ERRORS as error:
            self._telemetry.failure(NAME, f"dump_state() failed: {_words(error)}")

    def _run(self) -> None:
        while (text := self._next()) is not None:
            try:
                replace_file(self._path, text.encode())
            except OSError as error:
                self._telemetry.failure(NAME, error)
            else:
                self._telemetry.success(NAME)

    def _next(self) -> str | None:
        with self._changed:
            self._changed.wait_for(lambda: self._text is not None or self._closing)
            text, self._text = self._text, None
            return text


def state_problems(path: str) -> list[str]:
    """What would keep this process from keeping a state there, in sentences."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        return [f"there is no folder {folder}: make it, or write another path"]
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        return [f"no right to write in the folder {folder}"]
    if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
        return [f"{path} is not a regular file: write the path of a file"]
    return []


def _read(path: str, detector: str) -> Mapping[str, Any] | None:
    """The state in a file; None where there is no file. Raises ValidationError and OSError."""
    try:
        data = _bytes(path)
    except FileNotFoundError:
        return None
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValidationError(f"it is damaged: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("state"), dict):
        raise ValidationError("it is no state of a detector")
    if content.get("version") != VERSION:
        raise ValidationError(
            f"its version is {content.get('version')!r}, this wca reads version {VERSION}"
        )
    if content.get("detector") != detector:
        raise ValidationError(f"it is of {content.get('detector')!r}, not of {detector!r}")
    state: dict[str, Any] = content["state"]
    return state


def _bytes(path: str) -> bytes:
    # Not through a symbolic link, and without waiting for the writer of a named pipe.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValidationError("it is not a regular file")
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise ValidationError("others than its owner can write it")
        if status.st_size > _MOST_BYTES:
            raise ValidationError(f"it is larger than {_MOST_BYTES} bytes")
        return file.read()


def dumped(detector: Stateful) -> Mapping[str, Any]:
    """The state of a detector. Raises TypeError for what is none, and what the detector raises."""
    state: object = detector.dump_state()
    if not isinstance(state, Mapping):
        raise TypeError(f"it gave a {type(state).__name__}, expected a mapping")
    return state


def _text(detector: str, state: Mapping[str, Any]) -> str:
    content = {"version": VERSION, "detector": detector, "state": dict(state)}
    return json.dumps(content, allow_nan=False)


def _name(detector: object) -> str:
    return type(detector).__name__


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
