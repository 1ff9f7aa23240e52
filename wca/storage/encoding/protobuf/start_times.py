"""Since when counters count, for formats that want to know."""

from collections.abc import Sequence

from wca.storage.encoding.growth import Growth
from wca.storage.encoding.protobuf.roster import Roster
from wca.storage.encoding.protobuf.wire import fixed64

__all__ = ["StartTimes"]

_START_FIELD = 2
_NANOSECONDS = 1_000_000


class StartTimes:
    """Start times of the counters of one stream of batches.

    A metric may say when its counter began at zero. Where it does not, that is not known, and the
    time of the first value that was seen stands for it: a point whose start is its own time says
    exactly that. A counter that goes down has begun anew, and so has its start time.

    Source: https://opentelemetry.io/docs/specs/otel/metrics/data-model/#resets-and-gaps.
    """

    def __init__(self) -> None:
        self._roster: Roster | None = None
        self._begun: Sequence[int] = ()
        self._pieces: list[bytes] = []

    def pieces(self, roster: Roster, growth: Growth) -> list[bytes]:
        """The field with the start time of each series; nothing for a series that is no counter.

        Args:
            roster: the series of a batch.
            growth: has followed it.

        Returns:
            The same list as for the batch before, unless something has changed.
        """
        if roster is not self._roster or growth.begun is not self._begun:
            self._roster, self._begun = roster, growth.begun
            starts = [
                begun if row.start is None else row.start
                for row, begun in zip(roster.rows, growth.begun, strict=False)
            ]
            self._pieces = [fixed64(_START_FIELD, start * _NANOSECONDS) for start in starts]
            self._pieces += [b""] * (len(roster.rows) - len(starts))
        return self._pieces
