"""In which order rows are shown, and which."""

from collections.abc import Sequence
from dataclasses import dataclass

from wca.top.columns import COLUMNS, NAME, Column
from wca.top.model import Row

__all__ = ["Order"]


@dataclass(slots=True)
class Order:
    """In which order rows are, and which there are.

    Args:
        column: by which they are sorted; None: by name.
        falling: the largest first.
        text: part of the name, the id or a label of those that are shown; empty: all are.
    """

    column: Column | None = COLUMNS[0]
    falling: bool = True
    text: str = ""

    @property
    def title(self) -> str:
        """Of the column."""
        return NAME if self.column is None else self.column.title

    def apply(self, rows: Sequence[Row]) -> list[Row]:
        """The rows that are shown, in their order; those without a number come last."""
        found = sorted(filter(self._shows, rows), key=_name_of)
        if self.column is None:
            return found[::-1] if self.falling else found
        title = self.column.title
        return sorted(found, key=lambda row: self._place(row.numbers[title]))

    def choose(self, column: Column | None) -> None:
        """Sort by this one: names from A, numbers from the largest."""
        self.column, self.falling = column, column is not None

    def _place(self, number: float | None) -> tuple[bool, float]:
        if number is None or number != number:
            return True, 0.0
        return False, -number if self.falling else number

    def _shows(self, row: Row) -> bool:
        if not self.text:
            return True
        one, wanted = row.watched, self.text.lower()
        return any(wanted in text.lower() for text in (one.name, one.task_id, *one.labels.values()))


def _name_of(row: Row) -> tuple[str, str]:
    return row.watched.name, row.watched.key
