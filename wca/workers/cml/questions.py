"""What is asked of AWS about one worker, on a thread, so that the event loop goes on."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from wca.errors import PLUGIN_ERRORS
from wca.workers.cml.instances import InstanceClient, Utilization
from wca.workers.cml.status import CMLWorkerStatus
from wca.workers.cml.worker import CMLWorkerState
from wca.workers.model import InstanceState

__all__ = ["ask_status", "ask_utilization"]

log = logging.getLogger(__name__)

#: What is said of an instance that EC2 knew, and has forgotten: it does so an hour after its end.
_FORGOTTEN: Mapping[str, Any] = {
    "instance_state": InstanceState.TERMINATED.value,
    "instance_status_check": "unknown",
    "ec2_system_status_check": "unknown",
}
#: A new instance that EC2 does not tell of may be there in a moment.
_PERHAPS_NEW = (CMLWorkerStatus.PENDING, CMLWorkerStatus.UNKNOWN)


async def ask_status(client: InstanceClient, state: CMLWorkerState) -> Mapping[str, Any]:
    """State and checks of the instance of a worker; what EC2 raises is logged, and raised.

    Args:
        client: is asked.
        state: of the worker.
    """
    from wca.workers.ec2_client import NoSuchInstanceError

    try:
        return await asyncio.to_thread(
            client.get_instance_status_checks,
            aws_region=state.aws_region,
            instance_id=state.aws_instance_id,
        )
    except PLUGIN_ERRORS as error:
        if isinstance(error, NoSuchInstanceError) and state.status not in _PERHAPS_NEW:
            return _FORGOTTEN
        log.error("Failed to get EC2 status: %s", error)  # noqa: TRY400 - one sentence
        raise


async def ask_utilization(client: InstanceClient, state: CMLWorkerState) -> Utilization | None:
    """Averages of the instance of a worker.

    None: they could not be asked, which does not hide what EC2 said.

    Args:
        client: is asked.
        state: of the worker.
    """
    from wca.workers.ec2_client import FIVE_MIN_AGO

    try:
        return await asyncio.to_thread(
            client.get_instance_resources_utilization,
            aws_region=state.aws_region,
            instance_id=state.aws_instance_id,
            relative_start_time=FIVE_MIN_AGO,
        )
    except PLUGIN_ERRORS as error:
        log.warning("Failed to get CloudWatch metrics of worker %s: %s", state.id, error)
        return None
