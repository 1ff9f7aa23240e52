"""What a detector has answered: what of it makes sense, and what is wrong with the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wca.detectors.api import Anomaly
from wca.metrics import Metric

__all__ = ["Answer", "metric_problem", "read_answer", "read_parts"]


@dataclass
class Answer:
    """The sound part of an answer.

    Args:
        anomalies: those that it found.
        metrics: of its own.
        problems: a sentence for each thing that was left out.
    """

    anomalies: list[Anomaly] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_answer(given: object) -> Answer:
    """Take what makes sense of what ``detect`` has returned; never raises.

    Args:
        given: anything.
    """
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        return Answer(problems=[f"detect() gave {_kind(given)}, expected (anomalies, metrics)"])
    answer = Answer()
    read_parts(given, "detect", answer)
    return answer


def read_parts(given: Sequence[object], method: str, answer: Answer) -> None:
    """Take what makes sense of anomalies and metrics; never raises.

    Args:
        given: both, or anything in their place.
        method: that has returned them.
        answer: takes them, and what is wrong with them.
    """
    for what, part in zip(("anomalies", "metrics"), given, strict=True):
        if not isinstance(part, (list, tuple)):
            answer.problems.append(f"{method}() gave {_kind(part)} as {what}, expected a list")
            continue
        for one in part:
            _take(one, what, answer)


def metric_problem(metric: object) -> str:
    """Why no storage could take this as a metric; empty for one that can be tried."""
    if not isinstance(metric, Metric):
        return f"{_kind(metric)} is no Metric"
    name: object = metric.name
    value: object = metric.value
    if not isinstance(name, str):
        return f"the name of a metric is {_kind(name)}, expected text"
    if not isinstance(value, (int, float)):
        return f"the value of {name} is {_kind(value)}, expected a number"
    if not _is_text_to_text(metric.labels):
        return f"the labels of {name} are not text by text"
    texts: tuple[object, ...] = (metric.type, metric.help, metric.unit, metric.granularity)
    for text in texts:
        if text is not None and not isinstance(text, str):
            return f"type, help or unit of {name} is {_kind(text)}, expected text"
    return ""


def _take(one: object, what: str, answer: Answer) -> None:
    if what == "metrics":
        problem = metric_problem(one)
        if not problem and isinstance(one, Metric):
            answer.metrics.append(one)
        else:
            answer.problems.append(problem)
    elif isinstance(one, Anomaly):
        answer.anomalies.append(one)
    else:
        answer.problems.append(f"detect() gave {_kind(one)} as an anomaly, expected an Anomaly")


def _is_text_to_text(labels: object) -> bool:
    return isinstance(labels, Mapping) and all(
        isinstance(text, str) for pair in labels.items() for text in pair
    )


def _kind(value: object) -> str:
    if value is None:
        return "None"
    size = f" of {len(value)}" if isinstance(value, Sequence) and not isinstance(value, str) else ""
    return f"a {type(value).__name__}{size}"
