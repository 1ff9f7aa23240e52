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
    from wca.allocators.numa import NUMAAllocator
    from wca.allocators.oom import OOMAllocator
    from wca.allocators.reclaim import MemoryReclaimAllocator
    from wca.allocators.static import StaticAllocator
    from wca.allocators.suppress import SuppressAllocator
    from wca.allocators.tiers import Tier, Tiers

__all__ = [
    "AllocationConfiguration",
    "AllocationType",
    "Allocator",
    "ContentionAllocator",
    "MemoryReclaimAllocator",
    "NOPAllocator",
    "OOMAllocator",
    "NUMAAllocator",
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
        "MemoryReclaimAllocator": "wca.allocators.reclaim",
        "NOPAllocator": "wca.allocators.nop",
        "OOMAllocator": "wca.allocators.oom",
        "NUMAAllocator": "wca.allocators.numa",
        "StaticAllocator": "wca.allocators.static",
        "SuppressAllocator": "wca.allocators.suppress",
        "Tier": "wca.allocators.tiers",
        "Tiers": "wca.allocators.tiers",
    },
)
