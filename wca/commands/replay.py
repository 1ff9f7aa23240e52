"""``wca replay``: ask a plugin about a recording, and compare with what was recorded."""

import argparse
import contextlib
import io
import sys
from collections.abc import Iterator
from typing import TextIO

from wca.commands.outputs import refuse_inputs, replaced
from wca.commands.plugin import add_replay_options, plugin_of
from wca.recording import Recording, read_recording
from wca.recording.plugins import Plugin
from wca.recording.replay import answer_line, asked, replay, restore

__all__ = ["EXIT_DIFFERENT", "add_arguments", "run"]

#: The detector is the recorded one, and has answered otherwise.
EXIT_DIFFERENT = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``wca replay``."""
    add_replay_options(parser)
    parser.add_argument("--output", metavar="FILE", help="instead of standard output")


def run(args: argparse.Namespace) -> int:
    """Print one line of JSON for each answer; at the end how many differ, on standard error.

    Returns:
        3 when answers differ from those that the same detector has given, else 0.

    Raises:
        RecordingError: the recording cannot be read.
        ConfigLoadError: the configuration with all its problems.
        UsageError: it has no detector, or the output is a file that is read.
    """
    refuse_inputs("--output", args.output, [args.recording, args.config])
    recording = read_recording(args.recording)
    with plugin_of(args) as detector, _output(args.output) as out:
        restored = not args.fresh and restore(detector, recording.header)
        answers, compared, different = _answers(recording, detector, out)
    name = type(detector).__name__
    _say(*recording.problems)
    if not answers:
        _say("there is no interval to ask about")
    if recording.header.detector != name:
        _say(f"{answers} intervals; nothing to compare: {_recorded(recording)}, this is {name}")
        return 0
    if recording.header.state is not None and not restored:
        _say(f"{name} has not begun with the state of the recording")
    first = f", the first at {different[0]!r}" if different else ""
    _say(f"{len(different)} of {compared} intervals differ from what was recorded{first}")
    return EXIT_DIFFERENT if different else 0


def _answers(recording: Recording, detector: Plugin, out: TextIO) -> tuple[int, int, list[float]]:
    """How many answers there are and were compared, and the times of those that differ."""
    header, name = recording.header, type(detector).__name__
    answers = compared = 0
    different = []
    for frame, answer in replay(asked(recording, header, name), detector):
        line = answer_line(answer, frame)
        print(line, file=out)
        answers += 1
        if header.detector == name and frame.answer is not None:
            compared += 1
            if answer_line(frame.answer, frame) != line:
                different.append(frame.platform.timestamp)
    return answers, compared, different


@contextlib.contextmanager
def _output(path: str | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    with replaced(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8")
        yield text
        text.flush()
        text.detach()


def _recorded(recording: Recording) -> str:
    detector = recording.header.detector
    return f"the recorded detector is {detector}" if detector else "no detector was recorded"


def _say(*sentences: str) -> None:
    for sentence in sentences:
        print(sentence, file=sys.stderr)  # noqa: T201
