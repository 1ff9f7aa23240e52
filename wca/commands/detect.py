"""``wca detect``: what a detector finds in a recording, and how well it does."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from wca.commands.outputs import refuse_inputs, replaced
from wca.commands.plugin import add_replay_options, detector_of
from wca.detectors.api import AnomalyDetector
from wca.errors import UsageError, ValidationError
from wca.recording import Frame, FrameAnswer, Recording, read_recording
from wca.recording.findings import Finding, findings_of
from wca.recording.labels import Episode, check_overlap, read_labels
from wca.recording.replay import asked, replay, restore
from wca.recording.report import findings_text, score_data, score_text
from wca.recording.scoring import Score, score
from wca.recording.timeline import Timeline

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``wca detect``."""
    add_replay_options(parser)
    parser.add_argument("--labels", metavar="FILE", help="what really happened, as JSON")
    parser.add_argument("--png", metavar="FILE", help="a picture of it; needs matplotlib")
    parser.add_argument("--format", choices=("text", "json"), default="text")


def run(args: argparse.Namespace) -> int:
    """Print the anomalies, and with labels how many of them are right.

    Returns:
        0, whatever was found.

    Raises:
        RecordingError: the recording cannot be read.
        ConfigLoadError: the configuration with all its problems.
        UsageError: it has no detector, the labels cannot be used, the picture is a file that is
            read, or matplotlib is missing.
    """
    refuse_inputs("--png", args.png, [args.recording, args.config, args.labels])
    episodes = _episodes(args.labels)
    recording = read_recording(args.recording)
    timeline, span = Timeline() if args.png else None, _Span()
    with detector_of(args) as detector:
        if not args.fresh:
            restore(detector, recording.header)
        found = findings_of(
            _answers(recording, detector, [span, *([timeline] if timeline else [])])
        )
    if episodes and span.begin is not None:
        _check_times(args, episodes, span.begin, span.end)
    result = None if episodes is None else score(found, episodes, span.begin or 0.0, span.end)
    for problem in recording.problems:
        print(problem, file=sys.stderr)  # noqa: T201 - the command's own output
    print(_json(found, result) if args.format == "json" else _text(found, result))  # noqa: T201
    if timeline is not None:
        with replaced(args.png) as file:
            timeline.draw(file, recording, found, episodes or ())
    return 0


class _Span:
    """From when to when there are intervals, in Unix time."""

    def __init__(self) -> None:
        self.begin: float | None = None
        self.end = 0.0

    def add(self, frame: Frame) -> None:
        """Take one more interval."""
        self.end = frame.platform.timestamp
        self.begin = self.end if self.begin is None else self.begin


def _answers(
    recording: Recording, detector: AnomalyDetector, watchers: Sequence[_Span | Timeline]
) -> Iterator[tuple[Frame, FrameAnswer]]:
    """The answers; others see each interval as well."""
    frames = asked(recording, recording.header, type(detector).__name__)
    for frame, answer in replay(frames, detector):
        for one in watchers:
            one.add(frame)
        yield frame, answer


def _episodes(path: str | None) -> list[Episode] | None:
    try:
        return None if path is None else read_labels(path)
    except ValidationError as error:
        raise UsageError(str(error)) from None


def _check_times(
    args: argparse.Namespace, episodes: Sequence[Episode], begin: float, end: float
) -> None:
    try:
        check_overlap(episodes, [(begin, end)])
    except ValidationError as error:
        raise UsageError(f"{args.labels}: {error}: {args.recording} is another one") from None


def _json(found: list[Finding], result: Score | None) -> str:
    data = {"anomalies": [asdict(one) for one in found]}
    return json.dumps(data if result is None else {**data, "score": score_data(result)})


def _text(found: list[Finding], result: Score | None) -> str:
    text = findings_text(found)
    return text if result is None else f"{text}\n\n{score_text(result)}"
