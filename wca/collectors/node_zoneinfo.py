"""Numbers of the memory zones of the machine."""

import re
from functools import partial
from typing import Annotated

from wca.collectors.api import INTERVAL, Collector, NodeTarget, Probe, TaskTarget
from wca.collectors.file_probe import attach_files, node_of
from wca.collectors.patterns import compile_keys
from wca.linux.zoneinfo import ZONE_NUMBER, parse_zoneinfo
from wca.metrics import Measurements

__all__ = ["NodeZoneinfoCollector"]

_NAME = "platform_zoneinfo"
_ADVICE = f"write one with two groups, key and number, such as '{ZONE_NUMBER.pattern}'"


def _pattern(keys: str | None) -> re.Pattern[str]:
    if keys is None:
        return ZONE_NUMBER
    return compile_keys(keys, _ADVICE, groups=2)


class NodeZoneinfoCollector(Collector):
    r"""Numbers of each memory zone of each NUMA node: free pages, watermarks, kinds of pages.

    The numbers of a whole node have the zone `per-node-stats`. On a machine with four nodes these
    are some 500 series.

    Source: /proc/zoneinfo.

    Args:
        keys: a regular expression with two groups, key and number, that is matched with the
            beginning of each line, such as `\s+(min|low|high)\s+(\d+)`; all numbers when left
            out. The line `pages free` has the key `free`.
        interval: time between two readings; the runner's when left out.
    """

    scope = "node"
    emits = (_NAME,)

    def __init__(
        self, keys: str | None = None, interval: Annotated[float, INTERVAL] | None = None
    ) -> None:
        super().__init__(interval)
        self._pattern = _pattern(keys)

    def attach(self, target: TaskTarget | NodeTarget) -> Probe:
        """Open the file. Raises NotAvailable."""
        return attach_files([(partial(node_of(target).open, "/proc/zoneinfo"), self._decode)])

    def _decode(self, data: bytes) -> Measurements:
        return {_NAME: parse_zoneinfo(data, self._pattern)}
