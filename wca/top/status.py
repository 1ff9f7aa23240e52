"""The last line of the screen: what is wrong now, or what can be done. Pure."""

from wca.top.model import Snapshot
from wca.top.view import Page, View

__all__ = ["Trouble", "status_text"]

#: Intervals after which a reading counts as old, and the least time for that, in seconds.
_OLD_INTERVALS, _OLD_SECONDS = 3, 5.0

_TABLE = "arrows  < > sort  r reverse  / filter  space pause  enter task  ? help  q end"
_OTHER = "arrows move  escape back  q end"


class Trouble:
    """Why the last look has shown nothing; empty while looks succeed."""

    def __init__(self) -> None:
        self._sentence = ""
        self._message = ""
        self._message_until = 0.0

    def failed(self, sentence: str) -> None:
        """A look has failed."""
        self._sentence = sentence

    def over(self) -> None:
        """A look has succeeded."""
        self._sentence = ""

    def say(self, message: str, until: float) -> None:
        """Show a message of the log, until a monotonic time."""
        self._message, self._message_until = message, until

    @property
    def lasts(self) -> bool:
        """Whether looks fail now."""
        return bool(self._sentence)

    def words(self, snapshot: Snapshot | None, interval: float, now: float, mono: float) -> str:
        """What there is to say; empty: nothing.

        Args:
            snapshot: what is shown.
            interval: seconds between two looks.
            now: Unix time.
            mono: monotonic time.
        """
        age = None if snapshot is None else max(0.0, now - snapshot.reading.time)
        usual = interval if snapshot is None else max(interval, snapshot.gap)
        if self._sentence:
            since = "" if age is None else f"seen {age:.0f} s ago, trying again: "
            return f"{since}{self._sentence}"
        if age is not None and age > max(_OLD_SECONDS, _OLD_INTERVALS * usual):
            return f"the last measurement is {age:.0f} s old"
        if mono < self._message_until:
            return self._message
        notes = () if snapshot is None else snapshot.reading.notes
        return "; ".join(notes)


def status_text(view: View, trouble: str) -> str:
    """The line.

    Args:
        view: what is shown.
        trouble: what there is to say.
    """
    if view.typing:
        return f"/{view.order.text}_   enter: keep, escape: show all"
    if trouble:
        return trouble
    return _TABLE if view.page is Page.TABLE else _OTHER
