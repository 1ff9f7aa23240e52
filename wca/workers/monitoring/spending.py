"""One budget for all agents and runs: what the cloud has cost is counted in the store."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from wca.workers.api import Cloud
from wca.workers.monitoring.finishing import Finishing
from wca.workers.monitoring.keeping import Keeper

__all__ = ["Budgeted", "Spending"]

#: Seconds after which the account is looked at again though nothing is to be added: other agents
#: may have added something.
_AGAIN = 60.0


@runtime_checkable
class Budgeted(Protocol):
    """A cloud that may have a budget; see ``Cloud``."""

    def unaccounted(self) -> Mapping[str, int]:
        """Metrics that were requested since the last account, by month."""

    def account(self, month: str, metrics: int, total: int) -> None:
        """The account of a month is known."""


class Spending:
    """Adds what was requested to the account in the store, and tells the cloud what all did.

    Where the store keeps nothing over a restart there is no account.

    Args:
        cloud: what costs.
        keeper: hands to the store.
        monotonic: time in seconds.
    """

    def __init__(self, cloud: Cloud, keeper: Keeper, monotonic: Callable[[], float]) -> None:
        self._cloud = cloud if isinstance(cloud, Budgeted) and keeper.lasting else None
        self._keeper = keeper
        self._monotonic = monotonic
        self._settling = asyncio.Lock()
        self._finishing = Finishing()
        self._asked: dict[str, float] = {}

    async def settle(self) -> None:
        """Bring the account up to date, where there is a budget and anything to do."""
        if self._cloud is not None:
            # To its end: what is in the account must not be added to it once more.
            await self._finishing.run(self._settle(self._cloud))

    async def _settle(self, cloud: Budgeted) -> None:
        async with self._settling:
            for month, metrics in sorted(cloud.unaccounted().items()):
                now = self._monotonic()
                if not metrics and now < self._asked.get(month, float("-inf")) + _AGAIN:
                    continue
                total = await self._keeper.requested(month, metrics)
                if total is None:
                    return
                self._asked = {month: now}
                cloud.account(month, metrics, total)
