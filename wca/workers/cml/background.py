"""What a background job is, and how one is described."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from wca.errors import ValidationError, WcaError
from wca.workers.cml.services import ServiceProvider

__all__ = [
    "JobFinishedError",
    "RecurrentBackgroundJob",
    "RecurrentTaskDescriptor",
    "backgroundjob",
]

_RECURRENT = "recurrent"
_MARK = "task_type"
_Job = TypeVar("_Job", bound=type)


class JobFinishedError(WcaError):
    """A job has nothing to do any more: whoever schedules it removes it.

    What else a job raises is logged, and it runs again at its next interval.
    """


class RecurrentBackgroundJob(ABC):
    """Runs again and again.

    It is built anew for each run, from the numbers and texts that the store has of it, which are
    keywords of its constructor; what it works with is given to ``configure`` before.

    Attributes:
        task_type: as ``backgroundjob`` sets it.
    """

    task_type: ClassVar[str] = ""

    def configure(  # noqa: B027 - a job may need nothing
        self, service_provider: ServiceProvider | None = None, **kwargs: Any
    ) -> None:
        """Take what the job works with.

        Args:
            service_provider: a container; None: there is none.
            kwargs: what was given when its type was registered; it goes before the container.
        """

    @abstractmethod
    async def run_every(self, *args: Any, **kwargs: Any) -> None:
        """Do the work once.

        Raises:
            JobFinishedError: it shall not run again.
        """


def backgroundjob(task_type: str) -> Callable[[_Job], _Job]:
    """Say that a class is a background job, and of which kind.

    Args:
        task_type: ``recurrent``, which needs ``run_every``.

    Raises:
        ValidationError: there is no such kind, or the class is not of it.
    """
    if task_type != _RECURRENT:
        raise ValidationError(f"backgroundjob: no task type {task_type!r}: write {_RECURRENT!r}")

    def mark(job: _Job) -> _Job:
        if not issubclass(job, RecurrentBackgroundJob):
            raise ValidationError(
                f"backgroundjob: {job.__name__} does not derive from RecurrentBackgroundJob"
            )
        setattr(job, _MARK, task_type)
        return job

    return mark


@dataclass(frozen=True, kw_only=True)
class RecurrentTaskDescriptor:
    """A job as it is scheduled, and as a store has it: nothing but numbers and texts.

    Args:
        id: unique; a task with the same replaces it.
        name: of the class of the job.
        interval: seconds from the beginning of one run to that of the next.
        data: keywords of the constructor of the job.

    Raises:
        ValidationError: the interval is not positive, or the data hold more than JSON could.
    """

    id: str
    name: str
    interval: float
    data: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.interval > 0:
            raise ValidationError(
                f"task {self.id}: interval {self.interval!r}: write seconds, more than 0"
            )
        for key, value in self.data.items():
            if not _is_plain(value):
                raise ValidationError(
                    f"task {self.id}: {key!r} is a {type(value).__name__}: only numbers and texts, "
                    "and lists and dictionaries of them, are stored; configure() gives the rest"
                )


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(one) for key, one in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or type(value) in (str, int, float, bool)
