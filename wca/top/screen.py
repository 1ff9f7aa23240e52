"""The terminal: lines on it, keys from it, and its state from before given back. Uses curses."""

import contextlib
import locale
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING

from wca.errors import UsageError
from wca.top.lines import Line, Style
from wca.top.text import fit

if TYPE_CHECKING:
    import curses

__all__ = ["Screen", "is_terminal"]

#: Milliseconds after an escape in which what follows belongs to the same key: over a network the
#: bytes of an arrow may come apart.
_ESCAPE_DELAY = 100
#: Bytes of a character at most, each of which is an error where they are none.
_BYTES = 4
#: Characters for keys, besides themselves.
_NAMED: Mapping[str, str] = MappingProxyType(
    {"\n": "enter", "\r": "enter", "\x1b": "escape", "\x7f": "backspace", "\b": "backspace"}
)
_FUNCTIONS = {
    "KEY_UP": "up",
    "KEY_DOWN": "down",
    "KEY_LEFT": "left",
    "KEY_RIGHT": "right",
    "KEY_PPAGE": "pageup",
    "KEY_NPAGE": "pagedown",
    "KEY_HOME": "home",
    "KEY_END": "end",
    "KEY_ENTER": "enter",
    "KEY_BACKSPACE": "backspace",
}
_INSTEAD = "print plain tables with --once or --batch"


def is_terminal() -> bool:
    """Whether there is one to show something on, with somebody at its keys."""
    return sys.stdin.isatty() and sys.stdout.isatty()


class Screen:
    """Takes the terminal from when it is entered to its end, and gives it back as it was.

    Args:
        environ: of the process: ``TERM``, ``NO_COLOR``.

    Raises:
        UsageError: on entering: the terminal is not known, or cannot show a screen.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._window: curses.window | None = None
        self._attributes: dict[Style, int] = {}
        self._keys: dict[int, str] = {}

    def __enter__(self) -> "Screen":
        locale.setlocale(locale.LC_CTYPE, "")
        try:
            import curses
        except ImportError:
            raise UsageError(f"this Python has no curses: {_INSTEAD}") from None
        term = self._environ.get("TERM", "")
        try:
            curses.setupterm(term, sys.stdout.fileno())
        except curses.error:
            raise UsageError(
                f"TERM={term!r} is no terminal that this machine knows: set TERM, such as "
                f"TERM=xterm or TERM=vt100, or {_INSTEAD}"
            ) from None
        if not curses.tigetstr("cup"):
            raise UsageError(
                f"a terminal of TERM={term!r} can be written to at its end only: {_INSTEAD}"
            )
        curses.set_escdelay(_ESCAPE_DELAY)
        self._window = curses.initscr()
        try:
            self.fit_terminal()  # whatever LINES and COLUMNS say, which may be another one's
            self._prepare(self._window)
        except BaseException:
            curses.endwin()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._give_back()
        self._window = None

    @property
    def size(self) -> tuple[int, int]:
        """Lines and columns."""
        lines, columns = self._shown().getmaxyx()
        return lines, columns

    def fit_terminal(self) -> None:
        """Take the size that the terminal has now."""
        import curses

        with contextlib.suppress(OSError, curses.error):
            columns, lines = os.get_terminal_size(sys.stdout.fileno())
            if lines > 0 and columns > 0:
                curses.resizeterm(lines, columns)

    def draw(self, lines: Sequence[Line]) -> None:
        """Show these lines from the top on; what is too much is cut off."""
        import curses

        window = self._shown()
        height, width = self.size
        window.erase()
        for place, line in enumerate(lines[:height]):
            whole = line.style in (Style.SELECTED, Style.HEAD)
            text = fit(line.text, width) if whole else fit(line.text, width).rstrip()
            text = text.encode(window.encoding, "replace").decode(window.encoding)
            # Writing to the last place of a screen moves on to one that is not there.
            with contextlib.suppress(curses.error):
                window.addstr(place, 0, text, self._attributes[line.style])
        window.refresh()

    def pressed(self) -> list[str]:
        """The keys that were pressed: characters, or names such as ``down``."""
        import curses

        window, pressed, misses = self._shown(), [], 0
        while misses < _BYTES:
            try:
                key = window.get_wch()
            except curses.error:  # there is none left, or a byte that is no character here
                misses += 1
                continue
            misses = 0
            name = self._keys.get(key) if isinstance(key, int) else _NAMED.get(key, key)
            if name is not None:
                pressed.append(name)
        return pressed

    @contextlib.contextmanager
    def left(self) -> Iterator[None]:
        """The terminal as it was before, inside of this block."""
        self._give_back()
        try:
            yield
        finally:
            self.take_back()

    def take_back(self) -> None:
        """Show the whole screen anew, with the terminal's modes that it needs."""
        import curses

        self.fit_terminal()
        window = self._shown()
        with contextlib.suppress(curses.error):  # the terminal is gone
            curses.reset_prog_mode()
            window.clearok(True)  # noqa: FBT003 - curses has it so
            window.refresh()

    def _prepare(self, window: "curses.window") -> None:
        import curses

        curses.noecho()
        curses.cbreak()
        window.keypad(True)  # noqa: FBT003
        window.nodelay(True)  # noqa: FBT003
        with contextlib.suppress(curses.error):  # a terminal that cannot hide its cursor
            curses.curs_set(0)
        self._keys = {getattr(curses, name): ours for name, ours in _FUNCTIONS.items()}
        self._attributes = {
            Style.PLAIN: curses.A_NORMAL,
            Style.TITLE: curses.A_BOLD,
            Style.HEAD: curses.A_BOLD | curses.A_UNDERLINE,
            Style.SELECTED: curses.A_REVERSE,
            Style.ALARM: curses.A_BOLD | self._red(),
        }

    def _red(self) -> int:
        """The attribute of red text; none where there are no colours, or nobody wants them."""
        import curses

        with contextlib.suppress(curses.error):
            curses.start_color()
            if curses.has_colors() and not self._environ.get("NO_COLOR"):
                curses.use_default_colors()
                curses.init_pair(1, curses.COLOR_RED, -1)
                return curses.color_pair(1)
        return 0

    def _shown(self) -> "curses.window":
        if self._window is None:
            raise RuntimeError("enter the screen before it is used")
        return self._window

    def _give_back(self) -> None:
        import curses

        with contextlib.suppress(curses.error):  # the terminal is gone
            curses.endwin()
