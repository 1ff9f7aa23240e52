"""One file of each NUMA node, such as ``/sys/devices/system/node/node0/meminfo``."""

from wca.collectors.api import NodeTarget, NotAvailable, Readable, TargetGone
from wca.linux.topology import numa_nodes

__all__ = ["NumaNodeFiles"]


_NODES = "/sys/devices/system/node"


class NumaNodeFiles:
    """The files of this name of all NUMA nodes, whose numbers may have gaps.

    Nodes come and go with their memory (CXL, hot-plugging): when the list of those that are online
    changes, the files are opened anew.

    Args:
        target: the machine.
        name: of the file, such as ``meminfo``.
    """

    def __init__(self, target: NodeTarget, name: str) -> None:
        self._target = target
        self._name = name
        self._files: dict[str, Readable] = {}
        self._listed = self._open(f"{_NODES}/online")
        self._online = _content(self._listed)
        self._open_all()

    def read(self) -> dict[str, bytes]:
        """Content by number of the node; a node that was taken offline is left out."""
        online = _content(self._listed)
        if online != self._online:
            self._online = online
            self._open_all()
        contents = {number: _content(file) for number, file in self._files.items()}
        return {number: data for number, data in contents.items() if data is not None}

    def close(self) -> None:
        """Close all files; safe twice."""
        for file in (*self._files.values(), self._listed):
            if file is not None:
                file.close()

    def _open_all(self) -> None:
        for file in self._files.values():
            file.close()
        opened = {
            str(number): self._open(f"{_NODES}/node{number}/{self._name}")
            for number in numa_nodes(self._target)
        }
        self._files = {number: file for number, file in opened.items() if file is not None}

    def _open(self, path: str) -> Readable | None:
        try:
            return self._target.open(path)
        except (NotAvailable, TargetGone):
            return None


def _content(file: Readable | None) -> bytes | None:
    try:
        return None if file is None else file.read()
    except (NotAvailable, TargetGone):
        return None
