"""``wca train``: learn from recordings what is usual, for ``ModelDetector``."""

import argparse
import math
import sys
from collections.abc import Sequence

from wca.commands.options import positive
from wca.commands.outputs import refuse_inputs
from wca.detectors.modelling.file import encode_model
from wca.detectors.modelling.model import BY_LABELS, Model, Parameters
from wca.durable import replace_file
from wca.errors import UsageError, ValidationError
from wca.recording import read_recording
from wca.recording.labels import Episode, read_labels
from wca.training import Source, train

__all__ = ["add_arguments", "run"]

#: Components of a mixture.
_COMPONENTS = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``wca train``."""
    parser.add_argument(
        "--from",
        dest="recordings",
        nargs="+",
        required=True,
        metavar="RECORDING",
        help="what `wca record` has written",
    )
    parser.add_argument("--to", required=True, metavar="MODEL", help="the model, replaced whole")
    parser.add_argument(
        "--labels",
        nargs="+",
        default=[],
        metavar="FILE",
        help="what really happened, as JSON: one file for each recording in their order, or one "
        "for all",
    )
    parser.add_argument(
        "--application-label",
        default="application",
        metavar="LABEL",
        help="the label of tasks of one kind; those without it are of one kind with tasks of the "
        "same name (default: application)",
    )
    parser.add_argument(
        "--samples", type=positive, default=60, metavar="N", help="readings for a limit (60)"
    )
    parser.add_argument(
        "--span",
        type=_number,
        default=3.0,
        metavar="X",
        help="standard deviations above the mean of a component that are usual (3)",
    )
    parser.add_argument(
        "--budget",
        type=_share,
        default=0.05,
        metavar="SHARE",
        help="of usual readings that may be beyond a limit (0.05)",
    )
    parser.add_argument(
        "--share",
        type=_number,
        default=0.2,
        metavar="SHARE",
        help="of the median that a limit is above it at least, where labels do not say more (0.2)",
    )
    parser.add_argument(
        "--min-cpu",
        type=_number,
        default=0.05,
        metavar="CPUS",
        help="that a task must use for its waits and costs to count (0.05)",
    )


def run(args: argparse.Namespace) -> int:
    """Train, write the model, and say what is in it.

    Returns:
        0.

    Raises:
        RecordingError: a recording cannot be read.
        UsageError: the labels cannot be used, nothing could be learned, the model is a file that is
            read, or scikit-learn is missing.
        OSError: the model cannot be written.
    """
    refuse_inputs("--to", args.to, [*args.recordings, *args.labels])
    sources = [
        Source(read_recording(path), episodes)
        for path, episodes in zip(args.recordings, _episodes(args), strict=True)
    ]
    parameters = Parameters(
        args.application_label,
        args.min_cpu,
        args.samples,
        _COMPONENTS,
        args.span,
        args.budget,
        args.share,
    )
    model = train(sources, parameters)
    for source in sources:
        for problem in source.recording.problems:
            print(problem, file=sys.stderr)  # noqa: T201 - the command's own output
    replace_file(args.to, encode_model(model))
    print(_summary(model, args.to))  # noqa: T201
    return 0


def _episodes(args: argparse.Namespace) -> Sequence[Sequence[Episode] | None]:
    paths, recordings = args.labels, len(args.recordings)
    if not paths:
        return [None] * recordings
    if len(paths) not in (1, recordings):
        raise UsageError(
            f"--labels: {len(paths)} files for {recordings} recordings; write one for each, or one"
        )
    try:
        read = [read_labels(path) for path in paths]
    except ValidationError as error:
        raise UsageError(str(error)) from None
    return read if len(read) == recordings else read * recordings


def _summary(model: Model, path: str) -> str:
    lines = [f"{path}: {_many(len(model.applications), 'application')}"]
    for name, loads in sorted(model.applications.items()):
        numbers = [one for load in loads.values() for one in load.numbers.values()]
        labelled = sum(one.by == BY_LABELS for one in numbers)
        samples = sum(one.samples for one in loads.values())
        lines.append(
            f"  {name}: {_many(samples, 'reading')} at {_many(len(loads), 'load')}, "
            f"{_many(len(numbers), 'limit')}, {labelled} of them by labels"
        )
    return "\n".join(lines)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on")
    return number


def _share(text: str) -> float:
    number = _number(text)
    if number >= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share below 1")
    return number
