"""Where a cgroup's memory lies: ``memory.numa_stat`` of both cgroup versions."""

from wca.linux.parse import Malformed, to_number

__all__ = ["parse_numa_stat_v1", "parse_numa_stat_v2"]


def parse_numa_stat_v1(data: bytes) -> dict[str, int]:
    """Pages on each NUMA node, by node number as text.

    Source: the line ``hierarchical_total=30 N0=10 N1=20``, which counts the groups below too;
    where the kernel has none, the line ``total=``.

    Raises:
        Malformed: neither line is there, or it has another form.
    """
    start = data.find(b"hierarchical_total=")
    if start < 0:
        start = 0 if data.startswith(b"total=") else data.find(b"\ntotal=") + 1 or len(data)
    tokens = data[start : data.find(b"\n", start) + 1].split()
    if not tokens:
        raise Malformed("memory.numa_stat has no line total=")
    return _by_node(tokens)


def parse_numa_stat_v2(data: bytes, page_size: int) -> dict[str, int]:
    """Pages on each NUMA node, by node number as text: anonymous memory and page cache.

    The two lines are disjoint. ``unevictable`` is not added: it counts pages that are in ``anon``
    or ``file`` already (Documentation/admin-guide/cgroup-v2.rst, memory.numa_stat).

    Args:
        data: lines ``anon N0=4096 N1=0``, in bytes.
        page_size: bytes in a page.

    Raises:
        Malformed: one of the two lines is not there, or has another form.
    """
    lines = data.split(b"\n", 2)  # the kernel gives anon first, file second
    if len(lines) < 3 or not (lines[0].startswith(b"anon ") and lines[1].startswith(b"file ")):
        raise Malformed("memory.numa_stat does not begin with the lines anon and file")
    anon = _by_node(lines[0].split())
    file = _by_node(lines[1].split())
    if anon.keys() != file.keys():
        raise Malformed("memory.numa_stat has different nodes in different lines")
    return {node: (size + file[node]) // page_size for node, size in anon.items()}


def _by_node(tokens: list[bytes]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for token in tokens[1:]:
        node, _, digits = token[1:].partition(b"=")
        count = to_number(digits)
        if count is None or not (token.startswith(b"N") and node.isdigit()):
            raise Malformed(f"expected a number of a node such as N0=12, got {token[:40]!r}")
        counts[node.decode()] = int(count)
    return counts
