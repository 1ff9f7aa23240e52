"""What somebody looks at, and what a key does to it. Pure: no terminal, no clock."""

import enum
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from wca.top.columns import COLUMNS, Column
from wca.top.model import Row, Snapshot
from wca.top.order import Order

__all__ = ["INTERVALS", "Action", "Page", "View"]

#: Seconds between two readings that ``+`` and ``-`` lead through.
INTERVALS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)

_LONGEST_FILTER = 200
_LETTERS: Mapping[str, Column | None] = {**{one.key: one for one in COLUMNS}, "N": None}


class Page(enum.Enum):
    """What fills the screen."""

    TABLE = "table"
    TASK = "task"
    HELP = "help"


class Action(enum.Enum):
    """What a key asks of others."""

    NOTHING = "nothing"
    QUIT = "quit"
    INTERVAL = "interval"


class View:
    """The state of the screen.

    Args:
        order: of the rows.
        interval: seconds between two readings.

    Attributes:
        page: what fills the screen.
        snapshot: what is shown; None: nothing yet.
        latest: of the last reading, which is not shown while paused.
        rows: those of the table, in their order.
        opened: the task whose page was opened last, as it was seen last; None: none was.
        gone: that task is not there any more.
        paused: what is shown stays.
        typing: the filter is being written.
        top: lines of the page above the first that is shown.
    """

    def __init__(self, order: Order, interval: float) -> None:
        self.order, self.interval = order, interval
        self.page = Page.TABLE
        self.snapshot: Snapshot | None = None
        self.latest: Snapshot | None = None
        self.rows: list[Row] = []
        self.opened: Row | None = None
        self.gone = self.paused = self.typing = False
        self.top = 0
        self._index = 0
        self._key: str | None = None  # of the task that the cursor follows
        self._height, self._lines = 1, 0
        self._columns: tuple[Column | None, ...] = (None, *COLUMNS)
        self._moves = self._keys_that_move()
        self._commands = self._keys_that_command()

    @property
    def selected(self) -> Row | None:
        """The row that the cursor is on; None: there is no row."""
        return self.rows[self._index] if self.rows else None

    def show(self, snapshot: Snapshot) -> None:
        """A new reading has come; while paused the one before stays on the screen."""
        self.latest = snapshot
        if not self.paused or self.snapshot is None:
            self.snapshot = snapshot
            self._arrange()

    def measure(self, height: int, lines: int, columns: Sequence[Column]) -> None:
        """How much there is to see.

        Args:
            height: lines of the screen that scroll.
            lines: of the whole page; those of the table are its rows.
            columns: of the table that fit.
        """
        self._height, self._lines = max(1, height), lines
        self._columns = (None, *columns)
        self._scroll()

    def press(self, key: str) -> Action:
        """Do what a key stands for.

        Args:
            key: a character, or the name of a key, such as ``down``.
        """
        if self.typing:
            self._type(key)
        elif key == "q":
            return Action.QUIT
        elif key in ("+", "=", "-"):
            self._change_interval(longer=key != "-")
            return Action.INTERVAL
        elif key in self._moves:
            self._move(self._moves[key]())
        elif key in self._commands:
            self._commands[key]()
        elif key in _LETTERS and self.page is Page.TABLE:
            self._sort_by(_LETTERS[key])
        return Action.NOTHING

    def _keys_that_move(self) -> Mapping[str, Callable[[], int]]:
        """By how many lines each of them moves."""
        moves: dict[str, Callable[[], int]] = {
            "up": lambda: -1,
            "down": lambda: 1,
            "pageup": lambda: -self._height,
            "pagedown": lambda: self._height,
            "home": lambda: -max(self._lines, self.top),
            "end": lambda: self._lines,
        }
        return {**moves, "k": moves["up"], "j": moves["down"]}

    def _keys_that_command(self) -> Mapping[str, Callable[[], None]]:
        left, right = partial(self._step_column, -1), partial(self._step_column, 1)
        return {
            "<": left,
            "left": left,
            ">": right,
            "right": right,
            "r": self._reverse,
            "/": self._begin_filter,
            " ": self._pause,
            "enter": self._open,
            "escape": self._back,
            "?": self._help,
            "h": self._help,
        }

    def _back(self) -> None:
        """Leave the page; from the table, leave the filter."""
        if self.page is Page.TABLE:
            self.order.text = ""
            self._arrange()
        self._turn_to(Page.TABLE)

    def _turn_to(self, page: Page) -> None:
        if self.page is not page:
            self.page, self.top, self._lines = page, 0, 0
        self._scroll()

    def _move(self, by: int) -> None:
        if self.page is not Page.TABLE:
            self.top += by
        elif self.rows:
            self._index = min(max(0, self._index + by), len(self.rows) - 1)
            # On the first row the cursor stays where it is, whichever task comes there.
            self._key = self.rows[self._index].watched.key if self._index else None
        self._scroll()

    def _scroll(self) -> None:
        """Keep the cursor on the screen, and the screen on the page."""
        if self.page is Page.TABLE:
            self._lines = len(self.rows)
            self.top = min(max(self.top, self._index - self._height + 1), self._index)
        self.top = min(max(0, self.top), max(0, self._lines - self._height))

    def _arrange(self) -> None:
        """Sort and filter anew; the cursor stays on its task while that is there."""
        if self.snapshot is None:
            return
        self.rows = self.order.apply(self.snapshot.rows)
        keys = [row.watched.key for row in self.rows]
        if self._key in keys:
            self._index = keys.index(self._key)
        self._index = min(self._index, max(0, len(keys) - 1))
        if self.opened is not None:
            key = self.opened.watched.key
            found = next((row for row in self.snapshot.rows if row.watched.key == key), None)
            self.opened, self.gone = found or self.opened, found is None
        self._scroll()

    def _type(self, key: str) -> None:
        """Write the filter, letter by letter; the rows follow at once."""
        text = self.order.text
        if key in ("enter", "escape"):
            self.typing = False
            text = text if key == "enter" else ""
        elif key == "backspace":
            text = text[:-1]
        elif len(key) == 1 and key.isprintable():
            text = (text + key)[:_LONGEST_FILTER]
        self.order.text = text
        self._arrange()

    def _change_interval(self, *, longer: bool) -> None:
        if longer:
            self.interval = min((i for i in INTERVALS if i > self.interval), default=self.interval)
        else:
            self.interval = max((i for i in INTERVALS if i < self.interval), default=self.interval)

    def _sort_by(self, column: Column | None) -> None:
        """By this column; once more: the other way round."""
        if column is self.order.column:
            self.order.falling = not self.order.falling
        else:
            self.order.choose(column)
        self._arrange()

    def _step_column(self, by: int) -> None:
        if self.page is not Page.TABLE:
            return
        columns = self._columns
        place = columns.index(self.order.column) if self.order.column in columns else 0
        self.order.choose(columns[(place + by) % len(columns)])
        self._arrange()

    def _reverse(self) -> None:
        if self.page is not Page.TABLE:
            return
        self.order.falling = not self.order.falling
        self._arrange()

    def _begin_filter(self) -> None:
        self._turn_to(Page.TABLE)
        self.typing = True

    def _pause(self) -> None:
        self.paused = not self.paused
        if not self.paused and self.latest is not None:
            self.show(self.latest)

    def _open(self) -> None:
        if self.page is Page.TABLE and self.selected is not None:
            self.opened, self.gone = self.selected, False
            self._key = self.opened.watched.key
            self._turn_to(Page.TASK)

    def _help(self) -> None:
        self._turn_to(Page.TABLE if self.page is Page.HELP else Page.HELP)
