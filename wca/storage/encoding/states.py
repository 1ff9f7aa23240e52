"""Names of messages that hold counters alone: a later one of the same name says all they say."""

from array import array
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from wca.storage.encoding.growth import Growth

__all__ = ["Part", "States"]


class Part:
    """The counters of one message.

    Args:
        texts: what stands before the values, in the order of the counters.
        counters: how many there are.
    """

    def __init__(self, texts: Iterable[bytes], counters: int) -> None:
        self.counters = counters
        self._digest = blake2b(digest_size=16)
        for text in texts:
            self._digest.update(text)

    def name(self, begun: Sequence[int]) -> str:
        """The same for the same counters that began at the same times, in every run."""
        digest = self._digest.copy()
        digest.update(array("q", begun).tobytes())
        return digest.hexdigest()


class States:
    """Names the messages of one stream of batches, see ``Parcel.supersedes``.

    A name stands for the series of a message and for the values with which they began. So the last
    message before a counter began anew has another name than those after it, and is not merged
    into them. The message in which a counter begins has none: it tells from where the later ones
    count. Hence merging changes no difference between two values that were there before an outage
    and after it, whatever has begun in between.
    """

    def __init__(self) -> None:
        self._parts: Sequence[Part] = ()
        self._begun: Sequence[int] = ()
        self._names: list[str] = []

    def names(self, parts: Sequence[Part], growth: Growth) -> list[str]:
        """A name for each message, empty for one that stands for itself.

        Args:
            parts: the messages of counters; the same object as long as they are the same.
            growth: of the counters; has followed the batch.
        """
        begun = growth.begun
        if parts is not self._parts or begun is not self._begun:
            self._names = [part.name(begun[slice(*span)]) for part, span in _spans(parts)]
            self._parts, self._begun = parts, begun
        return self._without(growth.beginning) if growth.beginning else self._names

    def _without(self, beginning: Iterable[int]) -> list[str]:
        """The names, but none for messages in which a counter begins."""
        names = self._names.copy()
        starts = iter(sorted(beginning))
        start = next(starts, None)
        for number, (_, (_, stop)) in enumerate(_spans(self._parts)):
            while start is not None and start < stop:
                names[number] = ""
                start = next(starts, None)
        return names


def _spans(parts: Iterable[Part]) -> Iterable[tuple[Part, tuple[int, int]]]:
    """Each part, and where its counters stand among all."""
    start = 0
    for part in parts:
        yield part, (start, start + part.counters)
        start += part.counters
