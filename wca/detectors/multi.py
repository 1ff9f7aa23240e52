"""``MultiDetector``: what several detectors say, as one answer."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from wca.abilities import ability
from wca.detectors.answers import Answer, read_answer
from wca.detectors.api import Anomaly, AnomalyDetector, ContentionAnomaly, TasksData
from wca.detectors.calling import UsableDetector, call_detect
from wca.errors import PLUGIN_ERRORS, ValidationError
from wca.metrics import CATALOGUE, Metric
from wca.naming import named
from wca.platforms.api import Platform

__all__ = ["MultiDetector"]

log = logging.getLogger(__name__)


class MultiDetector(AnomalyDetector):
    """Asks several detectors, and gives their answers together.

    Where several report the same victim for want of the same resource one of them counts: the first
    detector in the list that names a culprit, or else the first one that reports it. What a single
    detector reports twice of a victim and a resource are two anomalies.
    Metrics are those of all; of two with the same name and labels the first counts.

    A detector that raises, or answers nonsense, costs its own answer only: it is counted in
    ``detector_failures``, and logged when that begins and ends. When all of them fail, so does this
    one. If one of them is ``blocking``, this one is.

    Args:
        detectors: at least one, in the order in which they count.

    Raises:
        ValidationError: there is no detector.
    """

    def __init__(self, detectors: list[Annotated[AnomalyDetector, UsableDetector()]]) -> None:
        if not detectors:
            raise ValidationError("detectors: expected at least one detector, got an empty list")
        for one in detectors:
            UsableDetector().check(one)
        self.detectors = detectors
        self._named = named(detectors)
        self._failures: Counter[str] = Counter(dict.fromkeys(self._named, 0))
        self._failing: set[str] = set()

    @property
    def blocking(self) -> bool:  # type: ignore[override]
        """Whether one of them is."""
        return any(one.blocking for one in self.detectors)

    def start(self) -> None:
        """Start all of them; when one cannot, those before it are closed and its error raised."""
        started: list[AnomalyDetector] = []
        for detector in self.detectors:
            method = ability(detector, "start")
            try:
                if method is not None:
                    method()
            except PLUGIN_ERRORS:
                for one in reversed(started):
                    _close(one, 1.0)
                raise
            started.append(detector)

    def check(self) -> list[str]:
        """What keeps them from working on this machine."""
        problems = []
        for name, detector in self._named.items():
            method = ability(detector, "check")
            problems += [f"{name}: {one}" for one in (method() if method else ())]
        return problems

    def close(self, timeout: float) -> None:
        """Close all of them, the last one first; what they raise keeps none from being closed."""
        errors = []
        for detector in reversed(self.detectors):
            try:
                _close(detector, timeout / len(self.detectors))
            except PLUGIN_ERRORS as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def detect(
        self, platform: Platform, tasks_data: TasksData
    ) -> tuple[Sequence[Anomaly], Sequence[Metric]]:
        """Ask all of them. Raises what the first one has raised when all have."""
        answers: list[Answer] = []
        errors: list[BaseException] = []
        for name, detector in self._named.items():
            try:
                answer = read_answer(call_detect(detector, platform, tasks_data))
            except PLUGIN_ERRORS as error:
                errors.append(error)
                answer = Answer(problems=[f"{type(error).__name__}: {error}"])
            self._note(name, answer.problems)
            answers.append(answer)
        if len(errors) == len(self.detectors):
            raise errors[0]
        return _merged(answers), self._metrics(answers)

    def dump_state(self) -> Mapping[str, Any]:
        """The states of those that have one, by name."""
        states = {}
        for name, detector in self._named.items():
            method = ability(detector, "dump_state")
            if method is not None:
                states[name] = method()
        return states

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Give each its own; a new one begins anew, and what nobody wants is left.

        Raises:
            ValidationError: one of them cannot use its own; the others before it are as they were.
        """
        if not isinstance(state, Mapping):
            raise ValidationError("the state of a MultiDetector has a state for each detector")
        before = self.dump_state()
        for name, detector in self._named.items():
            method = ability(detector, "load_state")
            if method is None or name not in state:
                continue
            try:
                method(state[name])
            except PLUGIN_ERRORS as error:
                for one in before:
                    undo = ability(self._named[one], "load_state")
                    if undo is not None:
                        undo(before[one])
                raise ValidationError(f"{name}: {error}") from error

    def _note(self, name: str, problems: Sequence[str]) -> None:
        self._failures[name] += bool(problems)
        if problems and name not in self._failing:
            log.error("%s fails: %s", name, problems[0])
            self._failing.add(name)
        elif not problems and name in self._failing:
            log.info("%s works again", name)
            self._failing.discard(name)

    def _metrics(self, answers: Sequence[Answer]) -> list[Metric]:
        entry = CATALOGUE["detector_failures"]
        given = {
            (one.name, frozenset(one.labels.items())): one
            for answer in reversed(answers)
            for one in reversed(answer.metrics)
        }
        own = [
            Metric(
                entry.name,
                count,
                {"detector": name},
                entry.type,
                entry.help,
                entry.unit,
                entry.granularity,
            )
            for name, count in self._failures.items()
        ]
        return [*reversed(given.values()), *own]


def _merged(answers: Sequence[Answer]) -> list[Anomaly]:
    """All anomalies; for each victim and resource those of one detector."""
    groups: dict[Any, dict[int, list[Anomaly]]] = {}
    for detector, answer in enumerate(answers):
        for place, anomaly in enumerate(answer.anomalies):
            key: Any = detector, place
            if isinstance(anomaly, ContentionAnomaly):
                key = "contention", anomaly.contended_task_id, str(anomaly.resource)
            groups.setdefault(key, {}).setdefault(detector, []).append(anomaly)
    found: list[Anomaly] = []
    for by_detector in groups.values():
        said = list(by_detector.values())
        found += next((one for one in said if any(map(_accuses, one))), said[0])
    return found


def _accuses(anomaly: Anomaly) -> bool:
    return isinstance(anomaly, ContentionAnomaly) and bool(anomaly.contending_task_ids)


def _close(detector: AnomalyDetector, timeout: float) -> None:
    method = ability(detector, "close")
    if method is not None:
        method(timeout)
