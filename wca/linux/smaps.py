"""How much memory a process has used lately: ``/proc/PID/smaps_rollup`` and ``clear_refs``."""

import os

from wca.linux.kernel_file import read_failure
from wca.linux.parse import KeyedNumbers, Malformed

__all__ = ["REFERENCED_PAGES", "parse_referenced_bytes", "write_kernel_file"]

#: Written to ``clear_refs``: forget the accessed marks of all pages, not the soft-dirty ones.
REFERENCED_PAGES = b"1\n"

_KIB = 1024


def parse_referenced_bytes(data: bytes) -> int:
    """Bytes of pages marked as accessed since the marks were last taken away.

    Source: ``Referenced:`` of /proc/PID/smaps_rollup (Linux 4.14), in kB of 1024 bytes
    (Documentation/filesystems/proc.rst).

    Raises:
        Malformed: there is no such line.
    """
    (number,) = KeyedNumbers((b"Referenced:",), unit=b" kB").parse(data)
    if number is None:
        raise Malformed(f"smaps_rollup has no line Referenced: {data[:40]!r}")
    return number * _KIB


def write_kernel_file(path: str, content: bytes) -> None:
    """Write to a file of the kernel that takes commands, in one call.

    Raises:
        TargetGone: what it belongs to has ended.
        NotAvailable: there is no such file, or the kernel refuses.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, content)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise read_failure(error, path) from None
