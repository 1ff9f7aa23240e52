"""Traffic of the interfaces of one network namespace: ``/proc/PID/net/dev``."""

from wca.linux.parse import Malformed, to_number

__all__ = ["NET_DEV_COUNTERS", "parse_net_dev"]

#: What ``parse_net_dev`` gives of each interface.
NET_DEV_COUNTERS = (
    "receive_bytes",
    "receive_packets",
    "receive_errors",
    "receive_drops",
    "transmit_bytes",
    "transmit_packets",
    "transmit_errors",
    "transmit_drops",
)

# Each half has eight columns: bytes, packets, errors, drops and four that are rarer
# (net/core/net-procfs.c, dev_seq_printf_stats).
_HALF, _TAKEN = 8, 4


def parse_net_dev(data: bytes) -> dict[str, dict[str, int]]:
    """The counters named in ``NET_DEV_COUNTERS``, by interface.

    Source: man 5 proc_pid_net. A drop of the first half includes missed packets.

    Raises:
        Malformed: the two lines of titles are not there, or a line has another form.
    """
    lines = data.split(b"\n")
    if len(lines) < 3 or not lines[0].startswith(b"Inter-|") or lines[-1]:
        raise Malformed(f"expected the table of net/dev, got {data[:40]!r}")
    return dict(_interface(line) for line in lines[2:-1])


def _interface(line: bytes) -> tuple[str, dict[str, int]]:
    name, colon, rest = line.partition(b":")  # the kernel refuses a colon in a name
    counts = [to_number(column) for column in rest.split()]
    taken = counts[:_TAKEN] + counts[_HALF : _HALF + _TAKEN]
    numbers = [number for number in taken if number is not None]
    if not colon or not name.strip() or len(numbers) != len(NET_DEV_COUNTERS):
        raise Malformed(f"net/dev has a line of another form: {line[:40]!r}")
    counters = dict(zip(NET_DEV_COUNTERS, numbers, strict=True))
    return name.strip().decode(errors="backslashreplace"), counters
