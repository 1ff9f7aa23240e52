"""stress-ng: how much its stressors do."""

import re
from collections.abc import Sequence

from wca.metrics import Metric, MetricType
from wca.wrapping.api import Parser
from wca.wrapping.parsers.numbers import NUMBER, to_number

__all__ = ["StressNgParser"]

_START = r"stress-ng: (?:info|metrc):\s+\[(?P<id>\d+)\]\s+"
_SUMMARY = re.compile(rf"{_START}(?P<stressor>\S+)(?P<numbers>(?:\s+{NUMBER}){{6,}})\s*$")
_PROGRESS = re.compile(
    rf"{_START}Time {NUMBER}, counter (?P<counter>\d+), diff (?P<diff>[-+]?\d+)\s*$"
)
_COLUMNS = (
    "bogo_ops",
    "real_time",
    "user_time",
    "system_time",
    "bogo_ops_per_second_real_time",
    "bogo_ops_per_second_usr_sys_time",
)


class StressNgParser(Parser):
    """The table at the end, for each stressor; the counters of a build that prints its progress."""

    def feed(self, line: str) -> Sequence[Metric]:
        """A row of the table (``--metrics-brief``) or a line ``Time T, counter C, diff D``."""
        summary = _SUMMARY.search(line)
        if summary:
            labels = {"stressor": summary["stressor"]}
            numbers = zip(_COLUMNS, summary["numbers"].split(), strict=False)
            return [
                Metric(name, value, labels, MetricType.GAUGE)
                for name, text in numbers
                if (value := to_number(text)) is not None
            ]
        progress = _PROGRESS.search(line)
        if progress:
            labels = {"id_proc_stress_ng": progress["id"]}
            counter, diff = int(progress["counter"]), int(progress["diff"])
            return [
                Metric("bogo_ops_counter", counter, labels, MetricType.COUNTER),
                Metric("bogo_ops_gauge", diff, labels, MetricType.GAUGE),
            ]
        return []
