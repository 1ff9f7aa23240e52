"""What a node reads the kernel's files through."""

from wca.linux.cgroups import CgroupHierarchies
from wca.linux.files import Kernel

__all__ = ["Reading"]


class Reading:
    """A kernel of the node's own until the runner gives it one.

    Args:
        kernel: given from Python, and kept then; None: the real one.
    """

    def __init__(self, kernel: Kernel | None) -> None:
        self._given = kernel is not None
        #: Reads files.
        self.kernel = kernel or Kernel()
        #: Finds cgroups.
        self.hierarchies = CgroupHierarchies(self.kernel)

    def use(self, kernel: Kernel) -> bool:
        """Read through this one from now on, unless one was given from Python.

        Returns:
            Whether it is used.
        """
        if self._given:
            return False
        self.kernel = kernel
        self.hierarchies = CgroupHierarchies(kernel)
        return True
