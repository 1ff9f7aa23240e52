"""Running a program of the system that tells about the machine."""

import os
from collections.abc import Sequence

from wca.errors import NotAvailable

__all__ = ["SYSTEM_FOLDERS", "run_program"]

#: Where system programs are; the agent may run as root, so that PATH is not asked.
SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin")


def run_program(
    name: str, arguments: Sequence[str], *, package: str, folders: Sequence[str], timeout: float
) -> str:
    """What a program prints; it is given no input.

    Args:
        name: of the program.
        arguments: for it.
        package: that has it, for the sentence that it is missing.
        folders: where to look for it.
        timeout: seconds after which it is ended.

    Raises:
        NotAvailable: it is not installed, takes too long, or fails; with its own last line.
    """
    places = (os.path.join(folder, name) for folder in folders)
    program = next((place for place in places if os.access(place, os.X_OK)), None)
    if program is None:
        raise NotAvailable(f"{name} is not installed (package {package})")
    import subprocess

    try:
        done = subprocess.run(  # noqa: S603 - an absolute path and fixed arguments
            [program, *arguments],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotAvailable(f"{name} did not answer within {timeout:g} s") from None
    except OSError as error:
        raise NotAvailable(f"{name} cannot be run: {error.strerror}") from None
    out = done.stdout.decode(errors="replace")
    if done.returncode:
        said = (done.stderr.decode(errors="replace") or out).strip().splitlines()
        raise NotAvailable(f"{name} failed: {said[-1] if said else done.returncode}")
    return out
