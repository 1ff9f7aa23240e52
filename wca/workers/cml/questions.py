"""What is asked of AWS about workers, on a thread, so that the event loop goes on."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from wca.errors import PLUGIN_ERRORS
from wca.workers.cml.instances import InstanceClient, InstancesClient, Utilization
from wca.workers.cml.status import CMLWorkerStatus, map_ec2_state_to_cml_status
from wca.workers.cml.worker import CMLWorkerState
from wca.workers.model import InstanceState

__all__ = ["Found", "ShardAnswers", "ask", "ask_shard"]

log = logging.getLogger(__name__)

#: What is said of an instance that EC2 knew, and has forgotten: it does so an hour after its end.
_FORGOTTEN: Mapping[str, Any] = {
    "instance_state": InstanceState.TERMINATED.value,
    "instance_status_check": "unknown",
    "ec2_system_status_check": "unknown",
}
#: A new instance that EC2 does not tell of may be there in a moment.
_PERHAPS_NEW = (CMLWorkerStatus.PENDING, CMLWorkerStatus.UNKNOWN)

#: Answers by the ids of instances, or why there is none.
_Checks = Mapping[str, Mapping[str, Any] | BaseException]
_Used = Mapping[str, Utilization | BaseException]


@dataclass(frozen=True, slots=True)
class Found:
    """What AWS says of the instance of a worker.

    Args:
        checks: state and checks in EC2's words.
        used: averages; None: it does not run, or they could not be asked.
    """

    checks: Mapping[str, Any]
    used: Utilization | None

    @property
    def status(self) -> CMLWorkerStatus:
        """What the state means for the worker."""
        return map_ec2_state_to_cml_status(self.checks["instance_state"])


class ShardAnswers:
    """What AWS said about the instances of a shard, when it was asked about all of them.

    Args:
        checks: of EC2.
        used: of CloudWatch, about those that run.
    """

    def __init__(self, checks: _Checks, used: _Used) -> None:
        self._checks = checks
        self._used = used

    def of(self, state: CMLWorkerState) -> Found | None:
        """About the instance of a worker; None: it was not asked about.

        What EC2 raised is logged, and raised.
        """
        checks = self._checks.get(state.aws_instance_id)
        if checks is None:
            return None
        if isinstance(checks, BaseException):
            return Found(_unless_forgotten(checks, state), None)
        used = self._used.get(state.aws_instance_id)
        if isinstance(used, BaseException):
            _tell_unmeasured(used, state)
            used = None
        return Found(checks, used)


async def ask(client: InstanceClient, state: CMLWorkerState) -> Found:
    """Ask about the instance of one worker; what EC2 raises is logged, and raised.

    Args:
        client: is asked.
        state: of the worker.
    """
    from wca.workers.ec2_client import FIVE_MIN_AGO

    where = {"aws_region": state.aws_region, "instance_id": state.aws_instance_id}
    try:
        checks = await asyncio.to_thread(client.get_instance_status_checks, **where)
    except PLUGIN_ERRORS as error:
        return Found(_unless_forgotten(error, state), None)
    found = Found(checks, None)
    if found.status is not CMLWorkerStatus.RUNNING:
        return found
    measure = partial(client.get_instance_resources_utilization, relative_start_time=FIVE_MIN_AGO)
    try:
        return Found(checks, await asyncio.to_thread(measure, **where))
    except PLUGIN_ERRORS as error:
        _tell_unmeasured(error, state)
        return found


async def ask_shard(
    client: InstancesClient, region: str, instance_ids: Sequence[str]
) -> ShardAnswers:
    """Ask about all instances of a shard at once; raises nothing, each answer may be an error.

    Args:
        client: is asked.
        region: of the shard.
        instance_ids: which.
    """
    from wca.workers.ec2_client import FIVE_MIN_AGO

    checks: _Checks = await _all_or_errors(
        partial(client.get_status_checks_of_instances, region), instance_ids
    )
    running = [
        id_
        for id_, one in checks.items()
        if not isinstance(one, BaseException) and Found(one, None).status is CMLWorkerStatus.RUNNING
    ]
    measure = partial(
        client.get_resources_utilization_of_instances, region, relative_start_time=FIVE_MIN_AGO
    )
    used: _Used = await _all_or_errors(measure, running)
    return ShardAnswers(checks, used)


async def _all_or_errors(question: Callable[..., Any], instance_ids: Sequence[str]) -> Any:
    if not instance_ids:
        return {}
    try:
        return await asyncio.to_thread(question, instance_ids=instance_ids)
    except PLUGIN_ERRORS as error:
        return dict.fromkeys(instance_ids, error)


def _unless_forgotten(error: BaseException, state: CMLWorkerState) -> Mapping[str, Any]:
    """What an error of EC2 says of an instance; unless it says something, it is raised."""
    from wca.workers.ec2_client import NoSuchInstanceError

    if isinstance(error, NoSuchInstanceError) and state.status not in _PERHAPS_NEW:
        return _FORGOTTEN
    log.error("Failed to get EC2 status: %s", error)
    # It may be the error of many workers, whose tracebacks are none of this one's.
    raise error.with_traceback(None)


def _tell_unmeasured(error: BaseException, state: CMLWorkerState) -> None:
    """That CloudWatch does not answer does not hide what EC2 said."""
    log.warning("Failed to get CloudWatch metrics of worker %s: %s", state.id, error)
