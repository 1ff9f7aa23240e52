"""How much memory a process has used lately: ``/proc/PID/smaps_rollup`` and ``clear_refs``."""

from wca.linux.parse import KeyedNumbers, Malformed

__all__ = ["REFERENCED_PAGES", "parse_referenced_bytes"]

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
