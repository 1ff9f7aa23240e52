"""What happens to workers. Pure data; ``type`` is that of CloudEvents."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from wca.workers.cml.status import CMLWorkerStatus

__all__ = [
    "CMLWorkerCreatedDomainEvent",
    "CMLWorkerImportedDomainEvent",
    "CMLWorkerStatusUpdatedDomainEvent",
    "CMLWorkerTelemetryUpdatedDomainEvent",
    "CMLWorkerTerminatedDomainEvent",
    "DomainEvent",
]


@dataclass(frozen=True, kw_only=True)
class DomainEvent:
    """Something that has happened to one aggregate.

    Args:
        aggregate_id: to which; of a worker, its id.
        at: when.
    """

    type: ClassVar[str]

    aggregate_id: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class CMLWorkerCreatedDomainEvent(DomainEvent):
    """A worker was created.

    Args:
        name: for people.
        aws_region: where its instance is.
    """

    type: ClassVar[str] = "cml_worker.created.v1"

    name: str
    aws_region: str


@dataclass(frozen=True, kw_only=True)
class CMLWorkerImportedDomainEvent(DomainEvent):
    """An instance that was there before became a worker.

    Args:
        name: for people.
        aws_region: where the instance is.
        aws_instance_id: which.
    """

    type: ClassVar[str] = "cml_worker.imported.v1"

    name: str
    aws_region: str
    aws_instance_id: str


@dataclass(frozen=True, kw_only=True)
class CMLWorkerStatusUpdatedDomainEvent(DomainEvent):
    """The status of a worker is another one.

    Args:
        old_status: before.
        new_status: now.
    """

    type: ClassVar[str] = "cml_worker.status.updated.v1"

    old_status: CMLWorkerStatus
    new_status: CMLWorkerStatus


@dataclass(frozen=True, kw_only=True)
class CMLWorkerTelemetryUpdatedDomainEvent(DomainEvent):
    """What is measured of a worker is another number.

    Args:
        cpu_utilization: in percent; None: there is none.
        memory_utilization: in percent; None: there is none.
        active_labs_count: labs that run on it.
    """

    type: ClassVar[str] = "cml_worker.telemetry.updated.v1"

    cpu_utilization: float | None
    memory_utilization: float | None
    active_labs_count: int


@dataclass(frozen=True, kw_only=True)
class CMLWorkerTerminatedDomainEvent(DomainEvent):
    """The instance of a worker has ended for ever."""

    type: ClassVar[str] = "cml_worker.terminated.v1"
