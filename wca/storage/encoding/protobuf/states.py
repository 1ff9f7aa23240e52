"""Names of requests that hold counters alone: a later one of the same name says all they say."""

from array import array
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from wca.storage.encoding.protobuf.growth import Growth
from wca.storage.encoding.protobuf.requests import Chunk

__all__ = ["States"]


class States:
    """Names the requests of one stream of batches, see ``Parcel.supersedes``.

    A name stands for the series of a request and for the values with which they began. So the last
    request before a counter began anew has another name than those after it, and is not merged
    into them. The request in which a counter begins has none: it tells from where the later ones
    count. Hence merging changes no difference between two values that were there before an outage
    and after it, whatever has begun in between.
    """

    def __init__(self) -> None:
        self._chunks: Sequence[Chunk] | None = None
        self._begun: Sequence[int] = ()
        self._parts: list[_Part] = []
        self._names: list[str] = []

    def names(self, chunks: Sequence[Chunk], growth: Growth) -> list[str]:
        """A name for each request, empty for one that stands for itself.

        Args:
            chunks: the requests; those of counters come first and hold nothing else.
            growth: of the counters; has followed the batch.
        """
        begun = growth.begun
        if chunks is not self._chunks:
            self._parts = _parts(chunks, len(begun))
        if chunks is not self._chunks or begun is not self._begun:
            self._names = [part.name(begun) for part in self._parts]
            self._names += [""] * (len(chunks) - len(self._parts))
            self._chunks, self._begun = chunks, begun
        return self._without(growth.beginning) if growth.beginning else self._names

    def _without(self, beginning: Iterable[int]) -> list[str]:
        """The names, but none for requests in which a counter begins."""
        names = self._names.copy()
        starts = iter(sorted(beginning))
        start = next(starts, None)
        for number, part in enumerate(self._parts):
            while start is not None and start < part.stop:
                names[number] = ""
                start = next(starts, None)
        return names


class _Part:
    """The counters of one request.

    Args:
        chunk: the request.
        start: position of its first series.
    """

    def __init__(self, chunk: Chunk, start: int) -> None:
        self.stop = start + len(chunk.heads)
        self._start = start
        self._digest = blake2b(chunk.start, digest_size=16)
        self._digest.update(b"".join(chunk.heads))

    def name(self, begun: Sequence[int]) -> str:
        """The same for the same series that began with the same values, in every run."""
        digest = self._digest.copy()
        digest.update(array("q", begun[self._start : self.stop]).tobytes())
        return digest.hexdigest()


def _parts(chunks: Iterable[Chunk], counters: int) -> list[_Part]:
    parts: list[_Part] = []
    start = 0
    for chunk in chunks:
        if start == counters:
            break
        parts.append(_Part(chunk, start))
        start = parts[-1].stop
    return parts
