"""The live view: readings and keys to lines on a screen."""

import select
import signal
import time

from wca.top.columns import fitting
from wca.top.lines import (
    Line,
    Style,
    head_lines,
    help_lines,
    table_lines,
    task_lines,
    title_line,
)
from wca.top.messages import Messages
from wca.top.model import Model
from wca.top.reading import Reading, Source
from wca.top.sampler import Sampler
from wca.top.screen import Screen
from wca.top.signals import ENDING, ScreenSignals
from wca.top.status import Trouble, status_text
from wca.top.stories import Stories
from wca.top.view import Action, Page, View

__all__ = ["run_screen"]

#: What a shell adds to the number of the signal that has ended a program.
_BY_SIGNAL = 128
#: Seconds for which a message of the log is shown, and that closing may take.
_SHOWN, _CLOSE_TIMEOUT = 5.0, 2.0
#: Lines above the rows of the table and below them.
_ABOVE, _BELOW = 4, 1
_STDIN = 0
#: What is said of a terminal that has gone.
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


def run_screen(source: Source, view: View, stories: Stories) -> int:
    """Show a source until a key or a signal ends it.

    Args:
        source: started; it is closed at the end.
        view: state of the screen.
        stories: what is told of a task besides.

    Returns:
        0, or 128 and the number of the signal.

    Raises:
        UsageError: the terminal is not known.
    """
    with ScreenSignals() as signals, Messages(signals.tell) as messages:
        sampler = Sampler(source, view.interval, signals.tell)
        try:
            with Screen() as screen:
                sampler.start()
                return _App(screen, view, sampler, signals, messages, stories).run()
        finally:
            sampler.close(_CLOSE_TIMEOUT)


class _App:
    """Waits for keys, signals, readings and messages, and draws after each."""

    def __init__(
        self,
        screen: Screen,
        view: View,
        sampler: Sampler,
        signals: ScreenSignals,
        messages: Messages,
        stories: Stories,
    ) -> None:
        self._screen = screen
        self._view = view
        self._sampler = sampler
        self._signals = signals
        self._messages = messages
        self._stories = stories
        self._model = Model()
        self._trouble = Trouble()
        self._poll = select.poll()
        self._poll.register(_STDIN, select.POLLIN)
        self._poll.register(signals.descriptor, select.POLLIN)
        self._code: int | None = None

    def run(self) -> int:
        """Until the end; the exit code."""
        while self._code is None:
            self._draw()
            # Ages grow on the screen while there is nothing new.
            ready = dict(self._poll.poll(1000))
            self._heed_signals()
            self._take_readings()
            self._take_keys()
            if ready.get(_STDIN, 0) & _GONE:
                self._code = _BY_SIGNAL + signal.SIGHUP
        return self._code

    def _heed_signals(self) -> None:
        received = self._signals.take()
        for number in ENDING:
            if number in received:  # whatever came with it: the terminal may be gone
                self._code = _BY_SIGNAL + number
                return
        for number in received:
            if number == signal.SIGTSTP:
                with self._screen.left():
                    self._signals.stop_here()
            elif number == signal.SIGCONT:
                self._screen.take_back()
            elif number == signal.SIGWINCH:
                self._screen.fit_terminal()

    def _take_readings(self) -> None:
        for found in self._sampler.take():
            if isinstance(found, Reading):
                self._trouble.over()
                self._view.show(self._model.take(found))
            else:
                self._trouble.failed(found)
        for message in self._messages.take():
            self._trouble.say(message, time.monotonic() + _SHOWN)

    def _take_keys(self) -> None:
        for key in self._screen.pressed():
            action = self._view.press(key)
            if action is Action.QUIT:
                self._code = 0
            elif action is Action.INTERVAL:
                self._sampler.set_interval(self._view.interval)

    def _draw(self) -> None:
        height, width = self._screen.size
        view = self._view
        trouble = self._trouble.words(view.latest, view.interval, time.time(), time.monotonic())
        status = status_text(view, trouble)
        body = self._table(height, width) if view.page is Page.TABLE else self._page(height, width)
        room = max(0, height - _BELOW)
        body = body[:room] + [Line("")] * (room - len(body))
        style = Style.ALARM if trouble and not view.typing else Style.PLAIN
        self._screen.draw([*body, Line(status, style)])

    def _table(self, height: int, width: int) -> list[Line]:
        view, snapshot = self._view, self._view.snapshot
        reading = None if snapshot is None else snapshot.reading
        title = Line(
            title_line(self._sampler.name, view.interval, reading, paused=view.paused), Style.TITLE
        )
        if snapshot is None:
            return [title, Line("" if self._trouble.lasts else "measuring ...")]
        rows = max(0, height - _ABOVE - _BELOW)
        view.measure(rows, len(view.rows), fitting(width)[1])
        shown = view.rows[view.top : view.top + max(rows, 1)]
        head = [Line(text) for text in head_lines(snapshot, view.order, len(view.rows))]
        return [title, *head, *table_lines(shown, width, view.order, view.selected)]

    def _page(self, height: int, width: int) -> list[Line]:
        """A page of text that scrolls."""
        view, opened = self._view, self._view.opened
        if view.page is Page.HELP or opened is None:
            lines = help_lines()
        else:
            story = self._stories.of(opened.watched.task_id)
            lines = task_lines(opened, gone=view.gone, story=story)
        view.measure(height - _BELOW, len(lines), fitting(width)[1])
        return lines[view.top : view.top + max(0, height - _BELOW)]
