"""Messages that a topic does not take for their size, sent in pieces that it takes."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from wca.storage.delivery.parcel import Outcome, Parcel, Refused, Unavailable
from wca.storage.encoding.cutting import Cut, Piece, SizeLimit

__all__ = ["TOO_LARGE", "Pieces"]

log = logging.getLogger(__name__)

#: Label of the outcome of a message that is too large.
TOO_LARGE = "too_large"
#: Sends messages, at most so many as the window has, until a moment of the monotonic clock.
Send = Callable[[Sequence[Parcel], float], list[Outcome]]


@dataclass
class _Rest:
    """What is left to send of a message.

    Args:
        parcel: the message.
        pieces: of it.
        refused: samples that were refused by now.
        reason: why.
        label: the same as a value of a label.
    """

    parcel: Parcel
    pieces: list[Piece]
    refused: int = 0
    reason: str = ""
    label: str = TOO_LARGE

    @property
    def outcome(self) -> Outcome:
        """What became of the message, when nothing is left."""
        return Refused(self.reason, self.refused, self.label) if self.refused else None


class Pieces:
    """Cuts in half what is too large, until the topic takes it, and remembers what it takes.

    When sending breaks off in between, only pieces that were under way are sent again.

    Args:
        topic: what to call it in the log.
        limit: the size of messages; made smaller with what is learned.
        window: pieces to send at once.
        send: sends them.
    """

    def __init__(self, topic: str, limit: SizeLimit, window: int, send: Send) -> None:
        self._topic = topic
        self._limit = limit
        self._window = window
        self._send = send
        self._rest: _Rest | None = None

    def begun(self, parcel: Parcel) -> bool:
        """Whether some of a message has been sent in pieces."""
        return self._rest is not None and self._rest.parcel == parcel

    def send(self, parcel: Parcel, cut: Cut, end: float, *, refused: bool) -> Outcome:
        """Send a message that is too large as a whole.

        Args:
            parcel: the message, of more than one sample.
            cut: cuts such a body.
            end: when it must be over, on the monotonic clock.
            refused: the whole was not taken; otherwise one of its size was not.
        """
        rest = self._rest
        if rest is None or rest.parcel != parcel:
            if refused:
                self._learn(len(parcel.body))
            rest = self._rest = _Rest(parcel, cut(parcel.body, self._limit.most))
        count = 1  # until a size is known that is taken
        while rest.pieces:
            some = rest.pieces[:count]
            parcels = [replace(parcel, body=one.body, samples=one.samples) for one in some]
            left, absent = self._settle(rest, some, self._send(parcels, end), cut)
            rest.pieces[: len(some)] = left
            if absent is not None:
                return absent
            count = self._window if len(left) < len(some) else 1
        self._rest = None
        return rest.outcome

    def _settle(
        self, rest: _Rest, pieces: Sequence[Piece], outcomes: Sequence[Outcome], cut: Cut
    ) -> tuple[list[Piece], Unavailable | None]:
        """What is still to be sent of pieces, and why it cannot be sent now."""
        left: list[Piece] = []
        absent: Unavailable | None = None
        for piece, outcome in zip(pieces, outcomes, strict=True):
            if outcome is None:
                continue
            if isinstance(outcome, Unavailable):
                absent = outcome
                left.append(piece)
                continue
            if outcome.label == TOO_LARGE and piece.samples > 1:
                self._learn(len(piece.body))
                left += cut(piece.body, self._limit.most)
            else:
                rest.refused += piece.samples
                rest.reason, rest.label = outcome.reason, outcome.label
        return left, absent

    def _learn(self, size: int) -> None:
        """Messages of a size are not taken."""
        if size // 2 < self._limit.most:
            self._limit.lower(size // 2)
            most = self._limit.most
            log.info("topic %s takes no %d bytes: %d at most from now on", self._topic, size, most)
