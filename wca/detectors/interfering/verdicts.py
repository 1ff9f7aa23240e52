"""What kinds of trouble there are."""

import enum

__all__ = ["Verdict"]


class Verdict(enum.StrEnum):
    """What ``InterferenceDetector`` may say of a task."""

    SELF_INFLICTED = "self-inflicted throttling"
    CPU_NEIGHBOUR = "cpu neighbour"
    HYPERVISOR = "hypervisor"
    MEMORY_NEIGHBOUR = "memory bandwidth or cache neighbour"
    FREQUENCY = "frequency or shared hardware"
    CACHE_THRASH = "page cache thrash"
    DISK = "disk"
    MEMORY_EXHAUSTION = "memory exhaustion"
    NODE_FULL = "node full"
    #: Only where no other one explains it.
    OBJECTIVE_MISSED = "objective missed"
    #: Told as a metric, never as an anomaly.
    WORKLOAD_CHANGED = "workload changed"
