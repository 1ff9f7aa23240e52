"""The state of a detector in a file: loaded at the start, saved now and then and at the end."""

import errno
import json
import logging
import os
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
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
#: Of the time that dump_state may take at most; it is called more rarely then.
SHARE = 0.01
#: Bytes of a file that is read.
_MOST_BYTES = 256 << 20
_OF_THE_TIME = 0.8
#: Files that are kept of those that could not be used.
_MOST_ASIDE = 5
#: Levels of a state that are turned into text piece by piece.
_LEVELS = 6
NAME = "detector state"


class Keeper:
    """Keeps the state of one detector; a ``Listener``: it is dumped on the detector's own thread.

    Turning it into text and writing it is done on another one, because both may take their time.

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
        self._due = monotonic() + EVERY
        self._idle = threading.Lock()  # held while the detector is asked
        self._changed = threading.Condition()
        self._state: Mapping[str, Any] | None = None
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

    def answered(self, said: Said) -> None:
        """Nothing to do."""

    def failed(self, view: View, error: BaseException) -> None:
        """Nothing to do."""

    def idle(self) -> None:
        """The detector is idle: save its state if it is time."""
        try:
            if self._monotonic() >= self._due:
                self._dump()
        finally:
            self._idle.release()

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

    def _load(self, detector: Stateful) -> None:
        try:
            state = _read(self._path, _name(detector))
        except OSError as error:  # the content may be as good as ever: it is not put aside
            raise StartError(
                f"the state of the detector, {self._path}, cannot be read ({error.strerror}): "
                "let this process read it, or move it away"
            ) from error
        except ValidationError as error:
            self._refuse(str(error))
            return
        if state is None:
            return
        try:
            detector.load_state(state)
        except PLUGIN_ERRORS as error:
            self._refuse(str(error) if isinstance(error, ValidationError) else _words(error))
        else:
            log.info("the state of the detector is that of %s", self._path)

    def _refuse(self, why: str) -> None:
        aside = self._put_aside(why)
        self._telemetry.failure(NAME, f"{self._path} cannot be used, it is {aside} now: {why}")

    def _put_aside(self, why: str) -> str:
        names = [f"{self._path}.unusable"]
        names += [f"{names[0]}.{number}" for number in range(2, _MOST_ASIDE + 1)]
        # The first ones tell what went wrong at first; the last name is used again.
        aside = next((name for name in names if not os.path.lexists(name)), names[-1])
        try:
            os.replace(self._path, aside)
        except OSError as error:
            raise StartError(
                f"the state of the detector, {self._path}, can neither be used ({why}) nor put "
                f"aside ({error.strerror}): move it away"
            ) from error
        return aside

    def _dump(self) -> None:
        """Take the state, while nobody changes it; rarely, where that takes long."""
        if not isinstance(self._detector, Stateful):
            return
        start = self._monotonic()
        try:
            state = dumped(self._detector)
        except PLUGIN_ERRORS as error:
            self._telemetry.failure(NAME, f"dump_state() failed: {_words(error)}")
        else:
            with self._changed:
                self._state = state
                self._changed.notify_all()
        finally:
            end = self._monotonic()
            self._due = end + max(EVERY, (end - start) / SHARE)

    def _run(self) -> None:
        while (state := self._next()) is not None:
            try:
                text = _text(_name(self._detector), state)
            except PLUGIN_ERRORS as error:
                self._telemetry.failure(NAME, f"dump_state() failed: {_words(error)}")
                continue
            try:
                replace_file(self._path, text)
            except OSError as error:
                self._telemetry.failure(NAME, error)
            else:
                self._telemetry.success(NAME)

    def _next(self) -> Mapping[str, Any] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._state is not None or self._closing)
            state, self._state = self._state, None
            return state


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
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link, a socket
            raise ValidationError("it is not a regular file") from None
        raise
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


def _text(detector: str, state: Mapping[str, Any]) -> bytes:
    content = {"version": VERSION, "detector": detector, "state": dict(state)}
    return "".join(_pieces(content, _LEVELS)).encode()


def _pieces(value: object, levels: int) -> Iterator[str]:
    """As json.dumps, in pieces: one call for all of it would hold up every other thread."""
    if type(value) not in (dict, list) or not levels or not _nested(value):
        yield json.dumps(value, allow_nan=False)
    elif type(value) is dict and all(type(key) is str for key in value):
        yield "{"
        for number, (key, one) in enumerate(value.items()):
            yield f"{', ' if number else ''}{json.dumps(key)}: "
            yield from _pieces(one, levels - 1)
        yield "}"
    elif type(value) is list:
        yield "["
        for number, one in enumerate(value):
            yield ", " if number else ""
            yield from _pieces(one, levels - 1)
        yield "]"
    else:
        yield json.dumps(value, allow_nan=False)


def _nested(value: Any) -> bool:
    inner = value.values() if type(value) is dict else value
    return any(isinstance(one, (dict, list)) for one in inner)


def _name(detector: object) -> str:
    return type(detector).__name__


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
