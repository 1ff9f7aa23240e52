"""Chunks of a program's output to lines."""

from collections.abc import Iterator

__all__ = ["LONGEST_LINE", "Lines"]

#: Bytes of a line that are looked at.
LONGEST_LINE = 64 * 1024


class Lines:
    r"""Cuts bytes into lines, at ``\n``, ``\r\n`` and ``\r``, with which progress is printed.

    Of a longer line only the beginning is kept, so that output without an end of line is bounded.
    """

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._pieces: list[bytes] = []
        self._length = 0
        self._after_return = False
        self._skipping = False
        #: Lines of which only the beginning was kept.
        self.cut = 0

    def feed(self, data: bytes) -> Iterator[str]:
        """The lines that are complete with some more bytes."""
        if self._after_return and data.startswith(b"\n"):
            data = data[1:]
        self._after_return = data.endswith(b"\r")
        for part in data.splitlines(keepends=True):
            line = part.rstrip(b"\r\n")
            self._take(line)
            if len(line) < len(part):
                if not self._skipping:
                    yield self._line()
                self._skipping = False

    def end(self) -> Iterator[str]:
        """The last line, where it has no end."""
        if self._pieces and not self._skipping:
            yield self._line()

    def skip(self) -> None:
        """Some bytes were lost: what belongs to the line that they were in is left out."""
        self._pieces, self._length = [], 0
        self._skipping, self._after_return = True, False

    def _take(self, piece: bytes) -> None:
        if self._skipping or not piece:
            return
        room = self._longest - self._length
        if len(piece) > room >= 0:
            self.cut += 1
            self._length = self._longest + 1  # so that it is counted once
        else:
            self._length += len(piece)
        if room > 0:
            self._pieces.append(piece[:room])

    def _line(self) -> str:
        line = b"".join(self._pieces).decode("utf-8", "replace")
        self._pieces, self._length = [], 0
        return line
