"""Workers that are named in the configuration."""

from collections.abc import Sequence
from typing import Annotated, Required, TypedDict

from wca.config.types import Str
from wca.errors import ValidationError
from wca.workers.api import WorkerSource
from wca.workers.model import Worker

__all__ = ["StaticWorker", "StaticWorkers"]

_TEXT = Str(255)


class StaticWorker(TypedDict, total=False):
    """One worker: its instance, the region of that, and what it is called."""

    instance_id: Required[Annotated[str, _TEXT]]
    region: Required[Annotated[str, _TEXT]]
    id: Annotated[str, _TEXT]
    account: Annotated[str, _TEXT]
    name: Annotated[str, _TEXT]
    tags: dict[str, str]


class StaticWorkers(WorkerSource):
    """Workers written in the configuration.

    Args:
        workers: of each ``instance_id`` and ``region``; ``id``, which is that of the instance when
            left out; ``account`` by its name in AwsCloud; a ``name`` for people; ``tags``.

    Raises:
        ValidationError: two workers have one id, or one has no instance or no region.
    """

    def __init__(self, workers: list[StaticWorker]) -> None:
        self._workers = tuple(_worker(place, fields) for place, fields in enumerate(workers))
        first: dict[str, int] = {}
        for place, worker in enumerate(self._workers):
            before = first.setdefault(worker.id, place)
            if before != place:
                raise ValidationError(
                    f"workers[{before}] and workers[{place}] have the id {worker.id!r}: "
                    "give each worker an id of its own"
                )

    def workers(self) -> Sequence[Worker]:
        """The workers, always the same."""
        return self._workers


def _worker(place: int, fields: StaticWorker) -> Worker:
    for name in ("instance_id", "region"):
        if not fields.get(name):
            raise ValidationError(f"workers[{place}].{name} is empty: write the {name}")
    return Worker(
        id=fields.get("id") or fields["instance_id"],
        region=fields["region"],
        instance_id=fields["instance_id"],
        account=fields.get("account", ""),
        name=fields.get("name", ""),
        tags=dict(fields.get("tags", {})),
    )
