"""``NOPAllocator``: asks for nothing."""

from collections.abc import Sequence

from wca.allocators.api import Allocator, TasksAllocations
from wca.detectors.api import Anomaly, TasksData
from wca.metrics import Metric
from wca.platforms.api import Platform

__all__ = ["NOPAllocator"]


class NOPAllocator(Allocator):
    """Leaves everything as it is; to see, or to record, what is in force."""

    decides = False

    def allocate(
        self,
        platform: Platform,  # noqa: ARG002 - the contract's parameters
        tasks_data: TasksData,  # noqa: ARG002
    ) -> tuple[TasksAllocations, Sequence[Anomaly], Sequence[Metric]]:
        """Nothing."""
        return {}, [], []
