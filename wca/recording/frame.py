"""What a recording holds of one interval."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from wca.allocations.answers import AllocationAnswer
from wca.allocators.api import RDTAllocation
from wca.detectors.answers import Answer
from wca.detectors.api import TasksData
from wca.detectors.encoding import Described, plain_record, record_of
from wca.errors import WcaError
from wca.metrics import Metric
from wca.platforms.api import Platform
from wca.recording.plain import from_json, to_json

__all__ = ["Frame", "FrameAnswer", "Header", "RecordingError", "answer_of", "failed"]

#: Of the format; a reader refuses one that it does not know.
VERSION = 1


class RecordingError(WcaError):
    """A recording that cannot be written or read; the message is a sentence."""


@dataclass(frozen=True)
class FrameAnswer:
    """What a plugin returned.

    Args:
        anomalies: records as ``wca.detectors.encoding`` makes them, as plain data of JSON, without
            the labels of the node.
        metrics: of the plugin's own.
        problems: what was left out of its answer, in sentences.
        error: what it raised; None: it returned.
        kind: of plugin: ``detection``, or ``allocation``.
        allocations: that an allocator asked for: values by type by task id.
    """

    anomalies: Sequence[Mapping[str, Any]] = field(default_factory=list)
    metrics: Sequence[Metric] = field(default_factory=list)
    problems: Sequence[str] = field(default_factory=list)
    error: str | None = None
    kind: str = "detection"
    allocations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Frame:
    """One interval: what a plugin saw, and what it answered.

    Args:
        platform: the machine and the time.
        tasks: by task id.
        answer: what the plugin returned; None: it was not asked, or has not answered.
        lost: how many intervals before this one could not be recorded.
    """

    platform: Platform
    tasks: TasksData
    answer: FrameAnswer | None = None
    lost: int = 0


@dataclass(frozen=True)
class Header:
    """What holds for a whole recording.

    Args:
        version: of the format.
        detector: the class of the plugin; None: there was none.
        state: of the plugin before the first interval; None: it has none.
        interval: of the runner, in seconds; None: not known.
        blocking: whether the plugin ran on a thread of its own and missed intervals.
        labels: of the node, that every metric of the agent has.
        wca_version: of the agent.
    """

    version: int = VERSION
    detector: str | None = None
    state: Mapping[str, Any] | None = None
    interval: float | None = None
    blocking: bool = False
    labels: Mapping[str, str] | None = None
    wca_version: str = ""


def answer_of(
    answer: Answer,
    described: Iterable[Described],
    platform: Platform,
    tasks: TasksData,
    detector: str,
) -> FrameAnswer:
    """An answer as it is recorded: a copy that no plugin changes any more.

    Args:
        answer: the sound part of what the detector has returned.
        described: its anomalies.
        platform: as the detector saw it.
        tasks: as the detector saw them.
        detector: its name.
    """
    timestamp = platform.timestamp
    recorded = FrameAnswer(
        [plain_record(record_of(one, tasks, timestamp, detector, {})) for one in described],
        [replace(metric, labels=dict(metric.labels)) for metric in answer.metrics],
        list(answer.problems),
    )
    if not isinstance(answer, AllocationAnswer):
        return recorded
    allocations = from_json(to_json(_plain_values(answer.allocations)))
    return replace(recorded, kind="allocation", allocations=allocations)


def _plain_values(allocations: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        task_id: {
            type_: asdict(value) if isinstance(value, RDTAllocation) else value
            for type_, value in one.items()
        }
        for task_id, one in allocations.items()
    }


def failed(error: BaseException) -> FrameAnswer:
    """The answer of a plugin that raised."""
    return FrameAnswer(error=f"{type(error).__name__}: {error}")
