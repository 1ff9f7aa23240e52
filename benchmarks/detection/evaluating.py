"""Replays a detector over a corpus, and holds what it says against what happened."""

import statistics
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.detection.corpus import Corpus, Recorded
from wca.commands.plugin import detector_of
from wca.detectors.api import AnomalyDetector
from wca.recording import Frame, FrameAnswer, read_recording
from wca.recording.findings import Finding, findings_of
from wca.recording.labels import Episode, read_episodes
from wca.recording.replay import replay
from wca.recording.report import score_data
from wca.recording.scoring import Score, score

__all__ = ["Effect", "Evaluation", "Judged", "effects", "evaluate"]

_EFFECTS = ("mean", "p50", "p95", "p99", "cpu per work")


@dataclass(frozen=True)
class Judged:
    """One episode and what was said in its recording.

    Args:
        name: of the episode.
        episode: what happened.
        said: anomalies that began in its recording.
        score: of this episode alone.
    """

    name: str
    episode: Episode
    said: Sequence[Finding]
    score: Score

    @property
    def failures(self) -> list[str]:
        """What went wrong; empty where all was right."""
        (kind,) = self.score.kinds.values()
        wrong = ["false alarm"] if self.score.false_alarms else []
        if kind.control:
            return wrong
        if not kind.found.count:
            return [*wrong, "not found"]
        wrong += [] if kind.verdict_most.count else ["wrong verdict"]
        wrong += ["wrong blame"] if kind.blame_wrong.count else []
        return wrong + (["nobody blamed"] if kind.abstained.count else [])


@dataclass(frozen=True)
class Evaluation:
    """A detector over a whole corpus.

    Args:
        name: of the detector.
        score: over all recordings; its quiet time is recorded time only.
        judged: every scored episode.
        problems: of the recordings, in sentences.
        trained_on: folder of the corpus that its thresholds come from; None: they are its own.
    """

    name: str
    score: Score
    judged: Sequence[Judged]
    problems: Sequence[str] = ()
    trained_on: str | None = None

    @property
    def controls(self) -> Sequence[Judged]:
        """The episodes in which any accusation is false."""
        return [one for one in self.judged if one.episode.verdict is None]

    @property
    def accusing(self) -> int:
        """In how many controls somebody was accused."""
        return sum(
            any(finding.accused for finding in one.score.false_alarms) for one in self.controls
        )

    def as_data(self) -> dict[str, Any]:
        """Everything, as plain data."""
        return {
            "detector": self.name,
            "score": score_data(self.score),
            "controls": len(self.controls),
            "controls_accusing": self.accusing,
            "trained_on": self.trained_on,
            "problems": list(self.problems),
            "episodes": [
                {
                    "name": one.name,
                    "kind": one.episode.kind,
                    "failures": one.failures,
                    "said": [asdict(finding) for finding in one.said],
                }
                for one in self.judged
            ],
        }


@dataclass(frozen=True)
class _Span:
    recorded: Recorded
    begin: float
    end: float


def evaluate(name: str, config: Path, corpus: Corpus, trained_on: str | None = None) -> Evaluation:
    """Ask a detector about all recordings, one after the other, as one that goes on.

    Args:
        name: of the detector, for people.
        config: a configuration file whose runner has the detector.
        corpus: recordings and labels.
        trained_on: folder of the corpus that its thresholds come from; None: they are its own.
    """
    spans: list[_Span] = []
    problems: list[str] = []
    with detector_of(Namespace(config=str(config.absolute()), register=[])) as detector:
        found = findings_of(_answers(corpus, detector, spans, problems))
    judged, quiet, episodes = [], 0.0, []
    for span in spans:
        labels = {key: span.recorded.labels[key] for key in ("version", "episodes")}
        these = read_episodes(labels)
        said = [one for one in found if span.begin <= one.begin <= span.end]
        alone = score(said, these, span.begin, span.end)
        quiet += alone.quiet_seconds
        episodes += these
        if these[0].scored:
            judged.append(Judged(span.recorded.name, these[0], said, alone))
    begin, end = (spans[0].begin, spans[-1].end) if spans else (0.0, 0.0)
    whole = replace(score(found, episodes, begin, end), quiet_seconds=quiet)
    return Evaluation(name, whole, judged, problems, trained_on)


def _answers(
    corpus: Corpus, detector: AnomalyDetector, spans: list[_Span], problems: list[str]
) -> Iterator[tuple[Frame, FrameAnswer]]:
    for recorded in corpus:
        begin = end = None
        recording = read_recording(str(recorded.recording))
        for frame, answer in replay(recording, detector):
            end = frame.platform.timestamp
            begin = end if begin is None else begin
            yield frame, answer
        problems += recording.problems
        if begin is not None and end is not None:
            spans.append(_Span(recorded, begin, end))


@dataclass(frozen=True)
class Effect:
    """What a kind of episode does to the victim: medians over its episodes.

    Args:
        kind: its name.
        episodes: how many.
        before: of the lead: milliseconds, by name.
        during: of the episode.
    """

    kind: str
    episodes: int
    before: dict[str, float]
    during: dict[str, float]


def effects(corpus: Corpus) -> list[Effect]:
    """Of every scored kind, as the client and the kernel have measured it."""
    kinds: dict[str, list[dict[str, dict[str, float]]]] = {}
    for recorded in corpus:
        if recorded.label["scored"]:
            parts = recorded.measured["parts"]
            kinds.setdefault(recorded.label["kind"], []).append(parts)
    return [
        Effect(kind, len(parts), _medians(parts, "lead"), _medians(parts, "episode"))
        for kind, parts in sorted(kinds.items())
    ]


def _medians(parts: Sequence[dict[str, dict[str, float]]], name: str) -> dict[str, float]:
    return {one: statistics.median(part[name][one] for part in parts) for one in _EFFECTS}
