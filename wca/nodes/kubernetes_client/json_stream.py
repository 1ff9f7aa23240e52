"""JSON as it comes: a list is read entry by entry, however long it is.

Memory is that of one entry, and between two of them the other threads of the agent have their turn.
"""

import codecs
import json
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["Broken", "read_lines", "read_list"]

#: Characters of one entry, or bytes of one line, at most. An object of Kubernetes has at most 1.5
#: MiB as its database has it.
_LONGEST = 16 * 2**20
_SPACE = " \t\n\r"
#: Behind what reads as a number it may be the begin of a longer one; "" is what has not come yet.
_MAY_GO_ON = ("", ".", "e", "E", "+", "-")
_decode = json.JSONDecoder().raw_decode


class Broken(ValueError):  # noqa: N818 - a state of what was read
    """What came is not the JSON that was expected."""


def read_list(pieces: Iterable[bytes], name: str) -> Iterator[tuple[str, Any]]:
    """The members of an object, those of one list among them one by one.

    Args:
        pieces: the object, cut anywhere.
        name: of the member that is the list.

    Yields:
        The name of a member and its value; for each entry of the list its name and the entry.

    Raises:
        Broken: it is no object, or ends too early.
    """
    text = _Text(pieces)
    text.take("{")
    while text.peek() != "}":
        key = text.value()
        text.take(":")
        if key == name and text.peek() == "[":
            text.take("[")
            while text.peek() != "]":
                yield name, text.value()
                text.pass_comma("]")
            text.take("]")
        else:
            yield key, text.value()
        text.pass_comma("}")


def read_lines(pieces: Iterable[bytes]) -> Iterator[Any]:
    """The values that stand on lines of their own; the last line may be lacking.

    Raises:
        Broken: a line is no JSON, or too long.
    """
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in filter(bytes.strip, lines):
            try:
                yield json.loads(line)
            except (ValueError, RecursionError) as error:
                raise Broken(f"a line of it is no JSON: {error}") from None
        if len(rest) > _LONGEST:
            raise Broken(f"a line of it is longer than {_LONGEST} bytes")


class _Text:
    """What has come and is not read yet."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""
        self._at = 0
        self._ended = False

    def peek(self) -> str:
        """The next character that is no space; Broken at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                raise Broken("it ends too early")
            self._fill(1)

    def take(self, expected: str) -> None:
        """Pass this character; Broken if it is another one."""
        found = self.peek()
        if found != expected:
            raise Broken(f"it has {found!r} where {expected!r} was expected")
        self._at += 1

    def pass_comma(self, end: str) -> None:
        """Pass the comma between two entries; what ends them stays."""
        if self.peek() != end:
            self.take(",")

    def value(self) -> Any:
        """The next value as a whole."""
        self.peek()
        while True:
            try:
                found, end = _decode(self._text, self._at)
                if self._ended or self._text[end : end + 1] not in _MAY_GO_ON:
                    self._at = end
                    return found
            except RecursionError:
                raise Broken("it is nested too deeply") from None
            except ValueError as error:
                if self._ended:
                    raise Broken(f"it is no JSON, or ends too early: {error}") from None
            size = len(self._text) - self._at
            if size > _LONGEST:
                raise Broken(f"an entry is no JSON, or longer than {_LONGEST} characters")
            self._fill(2 * size)

    def _fill(self, size: int) -> None:
        """Have at least so many characters, unless it ends."""
        parts = [self._text[self._at :]]
        length = len(parts[0])
        while length < size and not self._ended:
            piece = next(self._pieces, b"")
            self._ended = not piece
            parts.append(self._decoder.decode(piece, final=self._ended))
            length += len(parts[-1])
        self._text, self._at = "".join(parts), 0
