"""Memory zones of each NUMA node: ``/proc/zoneinfo``."""

import re
from collections.abc import Iterator

from wca.linux.parse import Malformed, to_number

__all__ = ["PER_NODE", "ZONE_NUMBER", "parse_zoneinfo"]

#: The numbers of a whole node stand here, beside its zones.
PER_NODE = "per-node-stats"

#: A key and its number, as in ``        managed  3997``.
ZONE_NUMBER = re.compile(r"\s+([a-z_]+)\s+(\d+)")

_ZONE = re.compile(r"Node +(\d+), zone +(\S+)")
_PAGES = "  pages "


def parse_zoneinfo(
    data: bytes, number: re.Pattern[str] = ZONE_NUMBER
) -> dict[str, dict[str, dict[str, int]]]:
    """Numbers by NUMA node, zone and key.

    The lines below ``per-node stats``, up to the line ``pages free``, are about the whole node and
    stand as zone ``per-node-stats``. That line itself has the key ``free``.

    Source: /proc/zoneinfo (man 5 proc_zoneinfo).

    Args:
        data: content of the file.
        number: has two groups, key and number, and is matched with the beginning of each line.

    Raises:
        Malformed: there is no line ``Node 0, zone DMA`` before the first number, or what the
            second group matched is no number.
    """
    nodes: dict[str, dict[str, dict[str, int]]] = {}
    for node, zone, line in _lines(data.decode("ascii", "replace")):
        match = number.match(line)
        if match is None:
            continue
        key, digits = match.group(1) or "", match.group(2) or ""
        value = to_number(digits.encode())
        if value is None:
            raise Malformed(f"/proc/zoneinfo: expected a number after {key!r}, got {digits!r}")
        nodes.setdefault(node, {}).setdefault(zone, {})[key] = value
    if not nodes:
        raise Malformed(f"/proc/zoneinfo: expected zones with numbers, got {data[:40]!r}")
    return nodes


def _lines(text: str) -> Iterator[tuple[str, str, str]]:
    """Node, zone and text of each line that may have a number."""
    node = zone = ""
    place = ""
    for line in text.split("\n"):
        if match := _ZONE.match(line):
            node, zone = match.groups()
            place = zone
        elif line.startswith("  per-node stats"):
            place = PER_NODE
        elif node:
            if line.startswith(_PAGES):
                place = zone
                line = line.replace(_PAGES, " " * len(_PAGES), 1)  # noqa: PLW2901 - as it is meant
            yield node, place, line
