"""The paths under which the gate and the journal know what is done in resctrl.

Three things are changed there, and each is read, compared, written and given back as a file is:

* ``<group>``, the folder of a control group of ours: ``present`` or ``absent``,
* ``<group>/schemata:L3``, one row of a group's schemata,
* ``<cgroup>/resctrl.group``, the control group that holds the threads of a task's cgroup, as a path
  below the mount: ``/`` is the root group.

The guardian imports this module: it knows the standard library only.
"""

import re

__all__ = [
    "ABSENT",
    "GROUP_PREFIX",
    "PREFIX",
    "PRESENT",
    "ROOT",
    "TASK_PREFIX",
    "UNDOABLE",
    "began_anew",
    "folder_of",
    "is_group",
    "place_path",
    "resource_of",
    "row_path",
    "step_of",
]

#: What the names of all groups of ours begin with, and those of nobody else.
PREFIX = "wca-"
#: Control groups of one task, and those that tasks share.
TASK_PREFIX, GROUP_PREFIX = f"{PREFIX}task.", f"{PREFIX}group."
ABSENT, PRESENT = "absent", "present"
#: The root group, as the content of a ``resctrl.group``.
ROOT = "/"
#: The last part of a path of one of the three kinds, as a regular expression.
UNDOABLE = r"wca-(task|group)\.[^/\n\0]+|schemata:[A-Z0-9]+|resctrl\.group"

_PLACE = "/resctrl.group"
_ROW = re.compile(r"(.*)/schemata:([A-Z0-9]+)")


def place_path(cgroup: str) -> str:
    """Where it says in which group the threads of a cgroup are; ``cgroup`` is its folder."""
    return cgroup + _PLACE


def row_path(group: str, resource: str) -> str:
    """Where one row of a control group is; ``group`` is its folder."""
    return f"{group}/schemata:{resource}"


def is_group(path: str) -> bool:
    """Whether a path is that of a control group of ours."""
    return path.rpartition("/")[2].startswith((TASK_PREFIX, GROUP_PREFIX))


def resource_of(path: str) -> str | None:
    """The resource of a path of a row; None for any other path."""
    found = _ROW.fullmatch(path)
    return found[2] if found else None


def folder_of(path: str) -> str | None:
    """The cgroup's folder of a path that says where threads are; None for any other path."""
    return path.removesuffix(_PLACE) if path.endswith(_PLACE) else None


def began_anew(path: str, text: str) -> bool:
    """Whether a path tells that a task has no threads, or threads that nobody has put anywhere.

    A task that was started again in the same cgroup is in the root group, as all new threads are.
    """
    return folder_of(path) is not None and text in ("", ROOT)


def step_of(path: str) -> int:
    """What comes before what: a group is made, gets its rows, and then its threads."""
    if folder_of(path) is not None:
        return 2
    return 0 if resource_of(path) is None else 1
