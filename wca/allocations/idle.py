"""``cpu.idle`` changes the weight of its group along with itself.

While it is 1 the kernel refuses ``cpu.shares`` and ``cpu.weight`` with EINVAL and shows another
weight there; going back to 0 sets the default (kernel/sched/fair.c, ``sched_group_set_idle``).
"""

__all__ = ["AFTER_IDLE", "LEAST_WEIGHT", "WHILE_IDLE", "weight_file"]

#: What the files of the weight hold while ``cpu.idle`` is 1.
WHILE_IDLE = {"cpu.shares": "3", "cpu.weight": "0"}

#: What the files of the weight hold when ``cpu.idle`` was just set to 0.
AFTER_IDLE = {"cpu.shares": "1024", "cpu.weight": "100"}
#: The least weight that there is: what the idle class counts as.
LEAST_WEIGHT = {"cpu.shares": "2", "cpu.weight": "1"}
_FILES = {1: "cpu.shares", 2: "cpu.weight"}


def weight_file(version: int) -> str:
    """The file that changes along with ``cpu.idle`` on a version of cgroups."""
    return _FILES[version]
