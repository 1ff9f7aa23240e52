"""What an agent that acts writes through, over the resctrl of a test's own."""

from wca.allocations.files import KernelFiles
from wca.testing.resctrl import ResctrlTree

__all__ = ["ControlFiles"]

_POINT = "/sys/fs/resctrl"


class ControlFiles(KernelFiles):
    """Files of the kernel of which those of resctrl are those of a tree.

    Args:
        tree: with the kernel's rules.
    """

    def __init__(self, tree: ResctrlTree) -> None:
        super().__init__(tree.root)
        self.tree = tree

    def write(self, path: str, text: str) -> None:
        """Write in one call."""
        folder, _, name = path.rpartition("/")
        if not path.startswith(_POINT):
            super().write(path, text)
        elif name == "schemata":
            self.tree.set_rows(folder.removeprefix(_POINT).strip("/"), text)
        else:
            for failure in self.tree.write_each(path, [int(text)]):
                raise failure

    def make(self, path: str) -> None:
        """Make a group."""
        if not self.tree.make(path):
            raise FileExistsError(17, "File exists", path)

    def remove(self, path: str) -> None:
        """Remove a group."""
        self.tree.remove(path)
