"""The test kit: fakes, contract suites and checkers for tests of WCA and of its plugins."""

from typing import TYPE_CHECKING

from wca.lazy import lazy_names

if TYPE_CHECKING:
    from wca.allocations.volatile import VolatileJournal
    from wca.testing.allocators import AllocatorContract
    from wca.testing.clock import FakeClock
    from wca.testing.databases import DatabaseContract
    from wca.testing.detectors import DetectorContract
    from wca.testing.exposition import check_exposition
    from wca.testing.kernel import KernelTree
    from wca.testing.nodes import NodeContract
    from wca.testing.openmetrics import check_openmetrics
    from wca.testing.pmus import PmuCounters, PmuTree
    from wca.testing.replaying import check_replay
    from wca.testing.storage import RecordingStorage, StorageContract
    from wca.testing.worker_stores import HistoryContract, WorkerStoreContract
    from wca.testing.workers import JobStoreContract, LeaseContract

__all__ = [
    "AllocatorContract",
    "DatabaseContract",
    "DetectorContract",
    "FakeClock",
    "HistoryContract",
    "JobStoreContract",
    "KernelTree",
    "LeaseContract",
    "NodeContract",
    "PmuCounters",
    "PmuTree",
    "RecordingStorage",
    "StorageContract",
    "VolatileJournal",
    "WorkerStoreContract",
    "check_exposition",
    "check_openmetrics",
    "check_replay",
]

__getattr__ = lazy_names(
    __name__,
    {
        "AllocatorContract": "wca.testing.allocators",
        "DatabaseContract": "wca.testing.databases",
        "DetectorContract": "wca.testing.detectors",
        "FakeClock": "wca.testing.clock",
        "HistoryContract": "wca.testing.worker_stores",
        "JobStoreContract": "wca.testing.workers",
        "KernelTree": "wca.testing.kernel",
        "LeaseContract": "wca.testing.workers",
        "NodeContract": "wca.testing.nodes",
        "PmuCounters": "wca.testing.pmus",
        "PmuTree": "wca.testing.pmus",
        "RecordingStorage": "wca.testing.storage",
        "StorageContract": "wca.testing.storage",
        "VolatileJournal": "wca.allocations.volatile",
        "WorkerStoreContract": "wca.testing.worker_stores",
        "check_exposition": "wca.testing.exposition",
        "check_openmetrics": "wca.testing.openmetrics",
        "check_replay": "wca.testing.replaying",
    },
)
