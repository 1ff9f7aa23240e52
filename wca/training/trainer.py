"""From recordings to a model."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field

from wca.detectors.interfering.judged import JUDGED
from wca.detectors.modelling.model import (
    BY_FENCE,
    BY_LABELS,
    Learned,
    Load,
    Model,
    Parameters,
    Span,
)
from wca.detectors.modelling.parts import rounded
from wca.errors import UsageError, ValidationError
from wca.recording import Recording
from wca.recording.labels import Episode, check_overlap
from wca.training.mixtures import Component, fence, mixture, need_packages
from wca.training.readings import Observer, Thinned
from wca.training.separation import separate
from wca.training.truth import QUIET, Truth, disturbed
from wca.version import __version__

__all__ = ["Source", "train"]


@dataclass(frozen=True)
class Source:
    """Something to learn from.

    Args:
        recording: what a detector saw.
        episodes: what happened meanwhile; None: it is not known, all is taken as usual.
    """

    recording: Recording
    episodes: Sequence[Episode] | None = None


@dataclass
class _Readings:
    """Of an application at a load, in the order of ``JUDGED``."""

    samples: int = 0
    usual: list[Thinned] = field(default_factory=lambda: [Thinned() for _ in JUDGED])
    disturbed: list[Thinned] = field(default_factory=lambda: [Thinned() for _ in JUDGED])


_Applications = dict[str, dict[int, _Readings]]


def train(sources: Iterable[Source], parameters: Parameters) -> Model:
    """Learn what is usual; the same for the same recordings, in whatever order.

    Args:
        sources: recordings, each with its labels if there are any.
        parameters: how.

    Raises:
        UsageError: scikit-learn is missing, no task was seen often enough, or labels are about
            another time than their recordings.
        RecordingError: a recording cannot be read.
    """
    need_packages()
    ordered = sorted(sources, key=_begin)
    applications: _Applications = {}
    spans = [_read(one, parameters, applications) for one in ordered]
    _check_labels(ordered, spans)
    learned = {name: _loads(loads, parameters) for name, loads in applications.items()}
    learned = {name: loads for name, loads in learned.items() if loads}
    if not learned:
        raise UsageError(
            f"no task has {parameters.samples} readings at one load without an episode: record "
            "for longer, or write fewer --samples"
        )
    labelled = [one.episodes for one in ordered if one.episodes is not None]
    episodes = {id(one): len(one) for one in labelled}  # one file may belong to all
    return Model(
        __version__,
        sorted((one for one in spans if one is not None), key=astuple),
        sum(episodes.values()) if labelled else None,
        parameters,
        learned,
    )


def _check_labels(sources: Sequence[Source], spans: Sequence[Span | None]) -> None:
    """Refuse labels of which nothing is in their recordings; one file may belong to all."""
    of_labels: dict[int, list[tuple[float, float]]] = {}
    for source, span in zip(sources, spans, strict=True):
        if span is not None:
            of_labels.setdefault(id(source.episodes), []).append((span.begin, span.end))
    for source in sources:
        try:
            check_overlap(source.episodes or (), of_labels.get(id(source.episodes), ()))
        except ValidationError as error:
            raise UsageError(f"the labels of {source.recording.path}: {error}") from None


def _begin(source: Source) -> tuple[float, str]:
    first = next(iter(source.recording), None)
    return (0.0 if first is None else first.platform.timestamp), source.recording.path


def _read(source: Source, parameters: Parameters, applications: _Applications) -> Span | None:
    """Add the readings of a recording."""
    observer = Observer(parameters.application_label, parameters.min_cpu)
    truth = Truth(source.episodes)
    intervals, begin, end = 0, 0.0, 0.0
    for frame in source.recording:
        end = frame.platform.timestamp
        begin = end if not intervals else begin
        intervals += 1
        episodes = truth.at(end)
        for task_id, application, place, values in observer.look(frame.platform, frame.tasks):
            groups = disturbed(episodes, end, task_id)
            if groups is None:
                continue
            readings = applications.setdefault(application, {}).setdefault(place, _Readings())
            if groups == QUIET:
                readings.samples += 1
            _add(readings, values, groups)
    return Span(begin, end, intervals) if intervals else None


def _add(readings: _Readings, values: Sequence[float], groups: frozenset[str]) -> None:
    for number, value in enumerate(values):
        if not math.isnan(value):
            if groups == QUIET:
                readings.usual[number].add(value)
            elif JUDGED[number].group in groups:
                readings.disturbed[number].add(value)


def _loads(loads: Mapping[int, _Readings], parameters: Parameters) -> dict[int, Load]:
    found = {}
    for place, readings in loads.items():
        numbers = {
            number: _learned(number, readings, parameters)
            for number, usual in enumerate(readings.usual)
            if usual.seen >= parameters.samples
        }
        if numbers:
            found[place] = Load(readings.samples, numbers)
    return found


def _learned(number: int, readings: _Readings, parameters: Parameters) -> Learned:
    judged, usual = JUDGED[number], readings.usual[number].values()
    episodes = readings.disturbed[number]
    components = mixture(usual, parameters.components)
    median = statistics.median(usual)
    share = parameters.share / 2 if judged.smooth else parameters.share
    end = fence(usual, components, parameters.span, parameters.budget)
    limit = max(end, median + max(share * median, judged.floor))
    best = separate(usual, episodes.values(), parameters.budget, limit)
    limit = limit if best is None else best.limit
    return Learned(
        rounded(median),
        max(rounded(limit), rounded(median)),
        readings.usual[number].seen,
        BY_FENCE if best is None else BY_LABELS,
        tuple(_plain(one) for one in components),
        episodes.seen,
        None if best is None else rounded(best.score),
    )


def _plain(component: Component) -> tuple[float, ...]:
    numbers = (component.weight, component.mean, component.deviation)
    return tuple(rounded(max(0.0, one)) for one in numbers)
