"""SPECjbb: the table of response times."""

from collections.abc import Sequence

from wca.metrics import Metric
from wca.wrapping.api import Parser
from wca.wrapping.parsers.numbers import gauge

__all__ = ["SpecjbbParser"]

_ROW, _COLUMN = "TotalPurchase", "p99"
#: Where the column is from the end in a table without a head.
_FROM_THE_END = -3


class SpecjbbParser(Parser):
    """The 99th percentile of the response time of purchases."""

    def __init__(self) -> None:
        self._in_table = False
        self._column = _FROM_THE_END

    def feed(self, line: str) -> Sequence[Metric]:
        """A line of a table that begins with ``Response times:`` and ends with an empty line."""
        if "Response times:" in line:
            self._in_table, self._column = True, _FROM_THE_END
            return []
        cells = [cell.strip() for cell in line.split(",")]
        if not self._in_table or cells == [""]:
            self._in_table = False
            return []
        if _COLUMN in cells:
            self._column = cells.index(_COLUMN)
        if cells[0] != _ROW or len(cells) < -_FROM_THE_END or len(cells) <= self._column:
            return []
        return gauge("p99_total_purchase", cells[self._column])
