"""One poll of one shard: asked, judged, told, healed and kept."""

import asyncio
from collections.abc import Collection, Sequence

from wca.workers.model import Sample, Shard, Worker
from wca.workers.monitoring.fleet import Fleet
from wca.workers.monitoring.memory import Memory
from wca.workers.monitoring.parts import Parts
from wca.workers.monitoring.publishing import Publishing
from wca.workers.monitoring.watched import Findings

__all__ = ["Polling"]


class Polling:
    """Polls shards whose leases are held.

    Args:
        parts: of the monitor.
        fleet: who is watched.
        memory: what is known of the shards.
        publishing: hands on what is found.
    """

    def __init__(self, parts: Parts, fleet: Fleet, memory: Memory, publishing: Publishing) -> None:
        self._parts = parts
        self._fleet = fleet
        self._memory = memory
        self._publishing = publishing
        self._asked: set[asyncio.Task[list[Sample]]] = set()

    def stop(self) -> None:
        """Polls that wait for the cloud end at once: they are cancelled."""
        for task in self._asked:
            task.cancel()

    async def poll(self, shard: Shard) -> Findings | None:
        """Poll a shard; None: it is not ours any more, so that nothing follows from it.

        Raises:
            CloudError: nothing could be asked.
        """
        parts, memory = self._parts, self._memory
        watched = await memory.of(shard)
        workers = watched.polled(self._fleet.workers(shard.key))
        attributes = {"aws_region": shard.region, "aws_account": shard.account}
        with parts.tracing.span("poll_shard", workers=len(workers), **attributes):
            samples = await self._ask(shard, workers, watched.seen())
            if not memory.is_ours(watched):  # it took longer than the lease lasts
                memory.lose(shard)
                return None
            found = watched.learn([one for one in samples if self._fleet.watches(one.worker)])
            parts.tracing.samples(found.samples)
            if watched.waits:
                self._publishing.show(found)
            else:
                self._publishing.publish(found)
                await parts.keeper.save()  # which tells, before anything is done
                if parts.healing is not None:
                    await parts.healing.heal(shard, watched.actionable(found.samples))
            await parts.keeper.append(found.samples)
            await parts.keeper.save()
        return found

    async def _ask(
        self, shard: Shard, workers: Sequence[Worker], seen: Collection[str]
    ) -> list[Sample]:
        task = asyncio.ensure_future(self._parts.asking.ask(shard, workers, seen))
        self._asked.add(task)
        try:
            return await task
        finally:
            self._asked.discard(task)
