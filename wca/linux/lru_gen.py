"""Pages of each memory cgroup by the time of their last use: the multi-generational LRU.

Source: /sys/kernel/debug/lru_gen (Documentation/admin-guide/mm/multigen_lru.rst).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wca.linux.parse import Malformed, to_number

__all__ = ["LRU_GEN", "LRU_GEN_ENABLED", "Generation", "LruMemcg", "ages_pages", "aging_command"]
__all__ += ["pages_since", "parse_lru_gen"]

LRU_GEN = "/sys/kernel/debug/lru_gen"
LRU_GEN_ENABLED = "/sys/kernel/mm/lru_gen/enabled"

# The main switch, and the one that lets page tables be searched for accessed pages.
_NEEDED = 0x1 | 0x2
_MEMCG = re.compile(rb"memcg +([0-9]{1,10}) (.*)")
_NODE = re.compile(rb" node +([0-9]{1,10})")


@dataclass(frozen=True, slots=True)
class Generation:
    """Pages that were last seen used in the same period.

    Args:
        number: the higher, the later.
        pages: anonymous ones and those of files.
    """

    number: int
    pages: int


@dataclass(frozen=True, slots=True)
class LruMemcg:
    """The generations of one memory cgroup, without those of the groups below it.

    Args:
        id: the kernel's number for it.
        path: below the root of the hierarchy.
        nodes: generations on each NUMA node, the oldest first.
    """

    id: int
    path: str
    nodes: dict[int, list[Generation]] = field(default_factory=dict)


def ages_pages(data: bytes) -> bool:
    """Whether the kernel keeps generations and searches page tables for used pages.

    Source: /sys/kernel/mm/lru_gen/enabled, one hexadecimal number.

    Raises:
        Malformed: anything else is in it.
    """
    text = data.strip()
    if re.fullmatch(rb"0x[0-9a-fA-F]{1,8}", text) is None:
        raise Malformed(f"expected a number such as 0x0007, got {data[:40]!r}")
    return int(text, 16) & _NEEDED == _NEEDED


def parse_lru_gen(data: bytes) -> list[LruMemcg]:
    """All memory cgroups of the file.

    Raises:
        Malformed: a line has another form.
    """
    memcgs: list[LruMemcg] = []
    generations: list[Generation] | None = None
    for line in data.split(b"\n"):
        if memcg := _MEMCG.fullmatch(line):
            path = memcg[2].decode(errors="surrogateescape")
            memcgs.append(LruMemcg(int(memcg[1]), path))
            generations = None
        elif (node := _NODE.fullmatch(line)) and memcgs:
            generations = memcgs[-1].nodes.setdefault(int(node[1]), [])
        elif generations is not None and line:
            generations.append(_generation(line))
        elif line:
            raise Malformed(f"lru_gen has a line of another form: {line[:40]!r}")
    return memcgs


def _generation(line: bytes) -> Generation:
    """A line of number, age in milliseconds, anonymous pages, pages of files."""
    numbers = [to_number(word) for word in line.split()]
    counts = [number for number in numbers if number is not None]
    if len(counts) != 4 or len(numbers) != 4:
        raise Malformed(f"lru_gen has a generation of another form: {line[:40]!r}")
    return Generation(counts[0], counts[2] + counts[3])


def aging_command(memcg: int, node: int, newest: int) -> bytes:
    """What to write for a new generation: pages used by now go to the newest there is.

    Anonymous pages are looked at too where there is no swap (``can_swap``), and every page table
    is (``force_scan``).

    Args:
        memcg: its id.
        node: the NUMA node.
        newest: the number of its newest generation; the kernel ignores the command otherwise.
    """
    return b"+ %d %d %d 1 1\n" % (memcg, node, newest)


def pages_since(nodes: Mapping[int, Sequence[Generation]], marks: Mapping[int, int]) -> int | None:
    """Pages in a generation of at least the number given for their node.

    The oldest generation takes in those that came before it. Where the marked one has become the
    oldest, it cannot be told any more what was used since, and the answer is None.

    Args:
        nodes: generations on each NUMA node.
        marks: number by node; on a node without one, all pages count.
    """
    pages = 0
    for node, generations in nodes.items():
        mark = marks.get(node)
        if mark is not None and generations and generations[0].number >= mark:
            return None
        pages += sum(one.pages for one in generations if mark is None or one.number >= mark)
    return pages
