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
    from wca.allocators.nop import NOPAllocator
    from wca.allocators.numa import NUMAAllocator
    from wca.allocators.static import StaticAllocator

__all__ = [
    "AllocationConfiguration",
    "AllocationType",
    "Allocator",
    "NOPAllocator",
    "NUMAAllocator",
    "RDTAllocation",
    "StaticAllocator",
    "TaskAllocations",
    "TasksAllocations",
]

__getattr__ = lazy_names(
    __name__,
    {
        "NOPAllocator": "wca.allocators.nop",
        "NUMAAllocator": "wca.allocators.numa",
        "StaticAllocator": "wca.allocators.static",
    },
)
