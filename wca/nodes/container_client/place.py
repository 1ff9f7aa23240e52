"""Where the cgroup of a container is: found, not guessed."""

from collections.abc import Iterable

from wca.errors import NotAvailable, TargetGone, ValidationError
from wca.linux.cgroups import CgroupHierarchies, normal_cgroup_path
from wca.nodes.container_client.api import Details

__all__ = ["find_cgroup", "path_of_spec"]

_HINT = " (in a container the agent needs the PID namespace of the host)"


def find_cgroup(hierarchies: CgroupHierarchies, container_id: str, details: Details) -> str:
    """The path of the cgroup that is the container's as a whole.

    The group of its first process is it, or is below it, when a part of the path has the
    container's id in it, as all runtimes write it. A process of a group of another name is not
    the container's: it has got the number of one that ended, or the agent sees other processes
    than the runtime does. Then the path that the runtime has asked the kernel for is tried.

    Raises:
        TargetGone: its process is gone, and so is its group.
        NotAvailable: no group can be found, and why.
    """
    gone, reason = False, "the runtime tells no process of it"
    if details.pid is not None:
        try:
            path = hierarchies.path_of_process(details.pid)
        except TargetGone:
            gone, reason = True, f"there is no process {details.pid}{_HINT}"
        except NotAvailable as error:
            reason = error.reason
        else:
            own = _until(path, container_id)
            if own is not None:
                return own
            reason = f"its process {details.pid} is in {path}, no cgroup of its own{_HINT}"
    for path in _normal(details.cgroup_paths):
        if not hierarchies.missing(hierarchies.locate(path)):
            return path
    if gone:
        raise TargetGone(reason)
    raise NotAvailable(reason)


def path_of_spec(cgroups_path: str) -> str:
    """The path that an OCI runtime makes of ``cgroupsPath``.

    It is a path, or ``slice:prefix:name`` for systemd, where ``a-b.slice`` lies in ``a.slice``.
    """
    parts = cgroups_path.split(":")
    if len(parts) != 3:
        return cgroups_path
    slice_name, prefix, name = parts
    unit = name if name.endswith(".slice") else "-".join(filter(None, (prefix, name))) + ".scope"
    return f"{_path_of_slice(slice_name or 'system.slice')}/{unit}"


def _path_of_slice(name: str) -> str:
    words = name.removesuffix(".slice").split("-")
    if not any(words):  # "-.slice" is the root
        return ""
    return "".join(f"/{'-'.join(words[:count])}.slice" for count in range(1, len(words) + 1))


def _until(path: str, container_id: str) -> str | None:
    """The path up to the first part that has the id in it; None: none has."""
    parts = path.split("/")
    for number, part in enumerate(parts, 1):
        if container_id in part:
            return "/".join(parts[:number])
    return None


def _normal(paths: Iterable[str]) -> Iterable[str]:
    for path in paths:
        try:
            normal = normal_cgroup_path(path)
        except ValidationError:
            continue
        if normal != "/":
            yield normal
