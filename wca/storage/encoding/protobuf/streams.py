"""Which series have ended: they were in the batch before and are not in this one."""

from wca.storage.encoding.protobuf.roster import Roster, Row

__all__ = ["Stream", "Streams"]

#: Milliseconds after which a stream of batches counts as over. A Prometheus has long forgotten
#: its series by then (five minutes), so that nobody needs to be told.
_FORGOTTEN = 3_600_000
_MOST_STREAMS = 100


class Stream:
    """Batches of about the same series, one after the other.

    A storage may stand in several places of a configuration, as that of metrics, anomalies and
    allocations; a series is missed only in a batch of the kind that it has been in.

    Args:
        roster: the series of the last batch.
        time: of the last batch, Unix time in milliseconds.
    """

    def __init__(self, roster: Roster, time: int) -> None:
        self.roster = roster
        self.time = time


class Streams:
    """Follows batch after batch."""

    def __init__(self) -> None:
        self._streams: list[Stream] = []

    def follow(self, roster: Roster, time: int) -> tuple[Stream, list[Row]]:
        """Take note of a batch.

        Args:
            roster: its series; at least one.
            time: its latest time, Unix time in milliseconds.

        Returns:
            The stream that it belongs to, and the series that have ended with it.
        """
        stream = self._of(roster)
        if stream is None:
            self._streams = [
                known for known in self._streams[1 - _MOST_STREAMS :] if _alive(known, time)
            ]
            stream = Stream(roster, time)
            self._streams.append(stream)
        ended: list[Row] = []
        if stream.roster is not roster:
            now = roster.by_identity
            ended = [row for row in stream.roster.rows if row.identity not in now]
            stream.roster = roster
        stream.time = time
        return stream, ended

    def end(self) -> tuple[list[Row], int]:
        """End all streams.

        Returns:
            All of their series, and their latest time in milliseconds; 0: there is none.
        """
        rows = {row.identity: row for one in self._streams for row in one.roster.rows}
        latest = max((stream.time for stream in self._streams), default=0)
        self._streams = []
        return list(rows.values()), latest

    def _of(self, roster: Roster) -> Stream | None:
        """The stream with the same series, or with the most of them."""
        best, most = None, 0
        for stream in self._streams:
            if stream.roster is roster:
                return stream
            common = len(stream.roster.by_identity.keys() & roster.by_identity.keys())
            if common > most:
                best, most = stream, common
        return best


def _alive(stream: Stream, time: int) -> bool:
    return abs(time - stream.time) < _FORGOTTEN
