"""Tasks as a schedule keeps them: text and numbers."""

import json
import logging
from collections.abc import Iterable

from wca.errors import ValidationError
from wca.workers.cml.background import RecurrentTaskDescriptor
from wca.workers.schedule.api import Job

__all__ = ["data_of", "tasks_of"]

log = logging.getLogger(__name__)


def data_of(task: RecurrentTaskDescriptor) -> str:
    """What a schedule keeps of a task beside its id and its interval."""
    return json.dumps({"name": task.name, "data": dict(task.data)}, separators=(",", ":"))


def tasks_of(jobs: Iterable[Job]) -> dict[str, RecurrentTaskDescriptor]:
    """The tasks of a schedule by their ids; what is none is logged and left out.

    Args:
        jobs: of the schedule.
    """
    found = {}
    for job in jobs:
        try:
            found[job.key] = _task_of(job)
        except (ValueError, TypeError, LookupError, ValidationError):
            log.warning("The job %s in the store is no task, and is left alone", job.key)
    return found


def _task_of(job: Job) -> RecurrentTaskDescriptor:
    kept = json.loads(job.data)
    return RecurrentTaskDescriptor(
        id=job.key, name=str(kept["name"]), interval=job.seconds, data=dict(kept["data"])
    )
