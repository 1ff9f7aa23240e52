"""Messages that were made, cut into smaller ones: for a target that takes less than it was thought.

Each piece is valid by itself and has at least one sample. A sample that is longer than the bound is
a piece of its own, which is too long as well.
"""

import json
from collections.abc import Callable, Iterator
from typing import NamedTuple

__all__ = ["Cut", "Piece", "SizeLimit", "cut_json", "cut_text"]


class Piece(NamedTuple):
    """A part of a message.

    Args:
        body: a message by itself.
        samples: how many of the samples are in it.
    """

    body: bytes
    samples: int


#: Cuts a body into pieces of so many bytes.
Cut = Callable[[bytes, int], list[Piece]]


class SizeLimit:
    """How long a message may be, as far as it is known; written by one thread, read by others.

    Args:
        most: in bytes, before compression.
    """

    def __init__(self, most: int) -> None:
        self.most = most

    def lower(self, size: int) -> None:
        """Make it smaller; a greater one changes nothing."""
        self.most = max(1, min(self.most, size))


def cut_text(body: bytes, max_size: int) -> list[Piece]:
    """Cut Prometheus text between series; HELP and TYPE are repeated.

    Args:
        body: the text.
        max_size: length of a piece in bytes.
    """
    pieces: list[Piece] = []
    lines: list[bytes] = []
    size = 0
    family = b""
    for header, name, line in _series(body):
        needed = len(line) + (0 if lines and name == family else len(header) + bool(lines))
        if lines and size + needed > max_size:
            pieces.append(Piece(b"".join(lines), _samples(lines)))
            lines, size = [], 0
            needed = len(header) + len(line)
        if header and not (lines and name == family):
            lines.append(b"\n" + header if lines else header)
        lines.append(line)
        family = name
        size += needed
    return [*pieces, Piece(b"".join(lines), _samples(lines))] if lines else pieces


def cut_json(body: bytes, max_size: int) -> list[Piece]:
    """Cut a JSON list between its elements.

    Args:
        body: the list.
        max_size: length of a piece in bytes.
    """
    pieces: list[Piece] = []
    texts: list[str] = []
    size = 2
    for text in _elements(body.decode()):
        if texts and size + len(text) > max_size:
            pieces.append(Piece(f"[{','.join(texts)}]".encode(), len(texts)))
            texts, size = [], 2
        texts.append(text)
        size += len(text) + 1  # the comma that may follow
    return [*pieces, Piece(f"[{','.join(texts)}]".encode(), len(texts))] if texts else pieces


def _series(body: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """HELP and TYPE of its family, the name, and the line of each series."""
    header = described = b""
    in_header = False
    for line in body.split(b"\n"):
        if line.startswith(b"# "):
            described = line.split(b" ", 3)[2]
            header = (header if in_header else b"") + line + b"\n"
            in_header = True
        elif line:
            in_header = False
            name = line.partition(b" ")[0].partition(b"{")[0]
            yield header if name == described else b"", name, line + b"\n"


def _samples(lines: list[bytes]) -> int:
    return sum(not line.lstrip(b"\n").startswith(b"# ") for line in lines)


def _elements(text: str) -> Iterator[str]:
    """The texts of the elements of a JSON list that is written without spaces between them."""
    decode = json.JSONDecoder().raw_decode
    start = 1
    while start < len(text) - 1:
        _, stop = decode(text, start)
        yield text[start:stop]
        start = stop + 1
