"""Which control group an allocation means."""

from collections.abc import Collection
from urllib.parse import unquote

from wca.allocations.resctrl.paths import GROUP_PREFIX, PREFIX, ROOT, TASK_PREFIX
from wca.collectors.resctrl.names import group_name
from wca.errors import ValidationError

__all__ = ["group_of", "name_of"]

_CUT = "="


def group_of(name: str | None, task_id: str, there: Collection[str]) -> str:
    """The control group, as a path below the mount.

    Args:
        name: see RDTAllocation. One that names a group of somebody else that is there means that.
        task_id: whose allocation it is.
        there: names of the control groups that there are.

    Raises:
        ValidationError: the name is too long for a folder.
    """
    if name == "":
        return ROOT
    if name is None:
        return f"/{_ours(TASK_PREFIX, task_id)}"
    ours = _ours(GROUP_PREFIX, name)
    if _CUT in ours:
        raise ValidationError(f"name: {name[:40]!r}... is too long for the name of a folder")
    return f"/{name}" if name in there and ours not in there else f"/{ours}"


def name_of(group: str, task_id: str) -> str | None:
    """The name by which an allocation means a group, see ``group_of``."""
    if group == ROOT:
        return ""
    folder = group.removeprefix("/")
    if folder == _ours(TASK_PREFIX, task_id):
        return None
    name = folder.removeprefix(GROUP_PREFIX)
    return folder if name == folder or _CUT in name else unquote(name, errors="surrogateescape")


def _ours(prefix: str, name: str) -> str:
    return group_name(prefix.removeprefix(PREFIX) + name)
