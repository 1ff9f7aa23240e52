"""The worker: what is known of it, and the rules by which that changes."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from wca.workers.cml.domain_events import (
    CMLWorkerCreatedDomainEvent,
    CMLWorkerImportedDomainEvent,
    CMLWorkerStatusUpdatedDomainEvent,
    CMLWorkerTelemetryUpdatedDomainEvent,
    CMLWorkerTerminatedDomainEvent,
    DomainEvent,
)
from wca.workers.cml.status import CMLWorkerStatus
from wca.workers.model import Shard

__all__ = ["CMLWorker", "CMLWorkerState"]


@dataclass(slots=True)
class CMLWorkerState:
    """What is known of a worker; times have a time zone.

    Args:
        id: unique.
        name: for people.
        aws_region: such as ``eu-west-1``.
        aws_instance_id: of EC2; empty: it has none yet, and is not polled.
        aws_account_id: whose instance it is; empty: that of the credentials.
        status: the last one known.
        cpu_utilization: of the last poll, in percent; None: there was no number.
        memory_utilization: of the last poll, in percent; None: there was no number.
        active_labs_count: labs that run on it.
        instance_status_check: EC2's word on the guest, such as ``ok`` or ``impaired``.
        ec2_system_status_check: EC2's word on the host.
        last_activity_at: when it was last seen at work; being polled is none.
        last_transition_at: when the status became what it is.
        created_at: when it became a worker.
    """

    id: str
    name: str
    aws_region: str
    aws_instance_id: str = ""
    aws_account_id: str = ""
    status: CMLWorkerStatus = CMLWorkerStatus.PENDING
    cpu_utilization: float | None = None
    memory_utilization: float | None = None
    active_labs_count: int = 0
    instance_status_check: str = ""
    ec2_system_status_check: str = ""
    last_activity_at: datetime | None = None
    last_transition_at: datetime | None = None
    created_at: datetime | None = None

    @property
    def shard(self) -> Shard:
        """With whom it is polled."""
        return Shard(self.aws_account_id, self.aws_region)


class CMLWorker:
    """A worker: the aggregate that a repository keeps.

    Every change is noted as a domain event, which the repository publishes once it is saved.

    Args:
        state: what is known; a worker that a repository has read begins with that.
    """

    def __init__(self, state: CMLWorkerState) -> None:
        self.state = state
        self._events: list[DomainEvent] = []

    @classmethod
    def create(
        cls,
        name: str,
        aws_region: str,
        *,
        aws_instance_id: str = "",
        aws_account_id: str = "",
        worker_id: str | None = None,
        at: datetime | None = None,
    ) -> "CMLWorker":
        """A new worker, PENDING until EC2 is asked.

        Args:
            name: for people.
            aws_region: where its instance is, or will be.
            aws_instance_id: of EC2; empty: it has none yet.
            aws_account_id: whose; empty: that of the credentials.
            worker_id: unique; None: one is made.
            at: when; None: now.
        """
        when = at or _now()
        state = CMLWorkerState(
            id=worker_id or str(uuid4()),
            name=name,
            aws_region=aws_region,
            aws_instance_id=aws_instance_id,
            aws_account_id=aws_account_id,
            last_transition_at=when,
            created_at=when,
        )
        worker = cls(state)
        worker._note(
            CMLWorkerCreatedDomainEvent(
                aggregate_id=state.id, at=when, name=name, aws_region=aws_region
            )
        )
        return worker

    @classmethod
    def import_instance(
        cls,
        name: str,
        aws_region: str,
        aws_instance_id: str,
        *,
        aws_account_id: str = "",
        worker_id: str | None = None,
        at: datetime | None = None,
    ) -> "CMLWorker":
        """A worker of an instance that is there, UNKNOWN until EC2 is asked.

        Args:
            name: for people.
            aws_region: where the instance is.
            aws_instance_id: which.
            aws_account_id: whose; empty: that of the credentials.
            worker_id: unique; None: one is made.
            at: when; None: now.
        """
        when = at or _now()
        state = CMLWorkerState(
            id=worker_id or str(uuid4()),
            name=name,
            aws_region=aws_region,
            aws_instance_id=aws_instance_id,
            aws_account_id=aws_account_id,
            status=CMLWorkerStatus.UNKNOWN,
            created_at=when,
        )
        worker = cls(state)
        worker._note(
            CMLWorkerImportedDomainEvent(
                aggregate_id=state.id,
                at=when,
                name=name,
                aws_region=aws_region,
                aws_instance_id=aws_instance_id,
            )
        )
        return worker

    @property
    def id(self) -> str:
        """Unique among workers."""
        return self.state.id

    def take_events(self) -> list[DomainEvent]:
        """What happened and was not published yet; it is handed out once."""
        taken, self._events = self._events, []
        return taken

    def update_status(self, new_status: CMLWorkerStatus, at: datetime | None = None) -> bool:
        """What EC2 says of the instance; whether that is another status.

        Args:
            new_status: of now.
            at: when it was seen; None: now.
        """
        old = self.state.status
        if new_status is old:
            return False
        when = at or _now()
        self.state.status = new_status
        self.state.last_transition_at = when
        self._note(
            CMLWorkerStatusUpdatedDomainEvent(
                aggregate_id=self.id, at=when, old_status=old, new_status=new_status
            )
        )
        if new_status is CMLWorkerStatus.TERMINATED:
            self._note(CMLWorkerTerminatedDomainEvent(aggregate_id=self.id, at=when))
        return True

    def update_status_checks(self, instance: str, system: str) -> bool:
        """EC2's status checks; whether one is another.

        Args:
            instance: EC2's word on the guest.
            system: EC2's word on the host.
        """
        now = (instance, system)
        changed = now != (self.state.instance_status_check, self.state.ec2_system_status_check)
        self.state.instance_status_check, self.state.ec2_system_status_check = now
        return changed

    def update_telemetry(
        self,
        cpu_utilization: float | None,
        memory_utilization: float | None,
        active_labs_count: int | None = None,
        last_activity_at: datetime | None = None,
        at: datetime | None = None,
    ) -> bool:
        """What is measured of it now; whether anything is another.

        Args:
            cpu_utilization: in percent; None: there is no number, which is not 0.
            memory_utilization: in percent; None: there is no number.
            active_labs_count: labs that run on it; None: as before.
            last_activity_at: when it was seen at work; None: not this time.
            at: when it was measured; None: now.
        """
        state = self.state
        labs = state.active_labs_count if active_labs_count is None else active_labs_count
        before = (state.cpu_utilization, state.memory_utilization, state.active_labs_count)
        active_before = state.last_activity_at
        state.cpu_utilization, state.memory_utilization = cpu_utilization, memory_utilization
        state.active_labs_count = labs
        state.last_activity_at = last_activity_at or active_before
        if before != (cpu_utilization, memory_utilization, labs):
            self._note(
                CMLWorkerTelemetryUpdatedDomainEvent(
                    aggregate_id=self.id,
                    at=at or _now(),
                    cpu_utilization=cpu_utilization,
                    memory_utilization=memory_utilization,
                    active_labs_count=labs,
                )
            )
            return True
        return state.last_activity_at != active_before

    def terminate(self, at: datetime | None = None) -> bool:
        """Its instance has ended, whoever ended it; whether that is new."""
        return self.update_status(CMLWorkerStatus.TERMINATED, at)

    def _note(self, event: DomainEvent) -> None:
        self._events.append(event)


def _now() -> datetime:
    return datetime.now(UTC)
