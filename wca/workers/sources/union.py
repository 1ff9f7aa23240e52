"""Workers of several sources."""

import logging
from collections.abc import Sequence

from wca.abilities import ability
from wca.errors import PLUGIN_ERRORS, ValidationError
from wca.naming import named
from wca.telemetry import Telemetry
from wca.workers.api import SourceError, WorkerSource
from wca.workers.model import Gap, Worker
from wca.workers.sources.kept import KeptWorkers

__all__ = ["UnionWorkers"]

log = logging.getLogger(__name__)


class UnionWorkers(WorkerSource):
    """The workers of several sources together.

    A source that fails gives its last good list, and costs the others nothing. Of two workers with
    one id that of the earlier source counts; both places are told in the log when that is new.

    Args:
        sources: in the order in which they count.

    Raises:
        ValidationError: there is no source.
    """

    def __init__(self, sources: list[WorkerSource]) -> None:
        if not sources:
            raise ValidationError("sources is empty: write at least one source of workers")
        self._sources = named(sources)
        self._kept = [KeptWorkers(name, source) for name, source in self._sources.items()]
        self._doubled: frozenset[str] = frozenset()

    def use_telemetry(self, telemetry: Telemetry) -> None:
        """Tell this one which sources fail."""
        for kept in self._kept:
            kept.use_telemetry(telemetry)

    def start(self) -> None:
        """Start the sources in their order; raises what they raise."""
        for source in self._sources.values():
            start = ability(source, "start")
            if start is not None:
                start()

    def workers(self) -> Sequence[Worker]:
        """The workers of all sources that have a list, each id once.

        Raises:
            SourceError: none has a list.
        """
        lists: dict[str, Sequence[Worker]] = {}
        reasons: list[str] = []
        for kept in self._kept:
            try:
                lists[kept.name] = kept.workers()
            except SourceError as error:
                reasons.append(f"{kept.name}: {error}")
        if not lists:
            raise SourceError(f"no source has a list of workers: {'; '.join(reasons)}")
        return self._each_once(lists)

    def gaps(self) -> Sequence[Gap]:
        """Those of all sources; one that has never given a list may have any worker."""
        return [gap for kept in self._kept for gap in kept.gaps()]

    def close(self, timeout: float = 5.0) -> None:
        """Close the sources in reverse order; one that cannot keeps none of the others open.

        Args:
            timeout: seconds, for each an equal share.
        """
        for name, source in reversed(self._sources.items()):
            close = ability(source, "close")
            try:
                if close is not None:
                    close(timeout / len(self._sources))
            except PLUGIN_ERRORS as error:
                log.error("%s did not close: %s", name, error)  # noqa: TRY400

    def _each_once(self, lists: dict[str, Sequence[Worker]]) -> list[Worker]:
        first: dict[str, tuple[str, Worker]] = {}
        doubled: dict[str, str] = {}
        for name, workers in lists.items():
            for worker in workers:
                place, counting = first.setdefault(worker.id, (name, worker))
                if counting is not worker:
                    doubled[worker.id] = (
                        f"{place} ({_instance(counting)}) and {name} ({_instance(worker)})"
                    )
        for id_ in sorted(doubled.keys() - self._doubled):
            log.warning("worker id %s is in %s: the first one counts", id_, doubled[id_])
        self._doubled = frozenset(doubled)
        return [worker for _, worker in first.values()]


def _instance(worker: Worker) -> str:
    where = f"{worker.account} {worker.region}".strip()
    return f"{worker.instance_id or 'no instance'} in {where}"
