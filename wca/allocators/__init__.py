"""Who is granted what."""

from typing import TYPE_CHECKING

from wca.allocators.api import (
    AllocationConfiguration,
    AllocationType,
    Allocator,
    RDTAllocation,
    TaskAllocations,
    TasksAllocations,
)
from wca.lazy import lazy_names

if TYPE_CHECKING:
    from wca.allocators.contention import ContentionAllocator
    from wca.allocators.nop import NOPAllocator
    from wca.allocators.static import StaticAllocator
    from wca.allocators.suppress import SuppressAllocator
    from wca.allocators.tiers import Tier, Tiers

__all__ = [
    "AllocationConfiguration",
    "AllocationType",
    "Allocator",
    "ContentionAllocator",
    "NOPAllocator",
    "RDTAllocation",
    "StaticAllocator",
    "SuppressAllocator",
    "TaskAllocations",
    "TasksAllocations",
    "Tier",
    "Tiers",
]

__getattr__ = lazy_names(
    __name__,
    {
        "ContentionAllocator": "wca.allocators.contention",
        "NOPAllocator": "wca.allocators.nop",
        "StaticAllocator": "wca.allocators.static",
        "SuppressAllocator": "wca.allocators.suppress",
        "Tier": "wca.allocators.tiers",
        "Tiers": "wca.allocators.tiers",
    },
)
