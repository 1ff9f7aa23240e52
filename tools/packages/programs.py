"""Programs of the machine that build packages."""

import shutil
import sys

__all__ = ["need"]


def need(name: str, package: str) -> str:
    """The path of a program; without it the build ends with a sentence.

    Args:
        name: of the program.
        package: Debian's, in which it is.
    """
    path = shutil.which(name)
    if path is None:
        sys.exit(
            f"make dist: {name} is not installed (Debian's package {package}): install it, or "
            "write which packages you want: make dist ARGS=tarball"
        )
    return path
