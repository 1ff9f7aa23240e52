"""States of a worker, and the one table from EC2's words to them."""

from enum import StrEnum

from wca.workers.model import InstanceState

__all__ = ["CMLWorkerStatus", "map_ec2_state_to_cml_status"]


class CMLWorkerStatus(StrEnum):
    """What a worker does, as far as EC2 tells."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    TERMINATED = "terminated"
    UNKNOWN = "unknown"


_STATUSES: dict[str, CMLWorkerStatus] = {
    InstanceState.PENDING: CMLWorkerStatus.PENDING,
    InstanceState.RUNNING: CMLWorkerStatus.RUNNING,
    InstanceState.STOPPING: CMLWorkerStatus.STOPPING,
    InstanceState.STOPPED: CMLWorkerStatus.STOPPED,
    # It still ends; only an instance that EC2 calls terminated has ended.
    InstanceState.SHUTTING_DOWN: CMLWorkerStatus.STOPPING,
    InstanceState.TERMINATED: CMLWorkerStatus.TERMINATED,
}


def map_ec2_state_to_cml_status(ec2_state: str) -> CMLWorkerStatus:
    """The status of a worker whose instance is in this state; UNKNOWN for any other word.

    Args:
        ec2_state: in EC2's words, such as ``shutting-down``.
    """
    return _STATUSES.get(ec2_state, CMLWorkerStatus.UNKNOWN)
