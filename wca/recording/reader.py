"""Reading a recording."""

import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import fields

from wca.recording.blocks import Block, Kind, blocks_of, open_recording, read_block
from wca.recording.coding import FrameDecoder
from wca.recording.frame import Frame, Header, RecordingError
from wca.recording.plain import from_json

__all__ = ["Recording", "read_recording"]

#: Bytes that a block may become; ours are far smaller.
_MOST = 1 << 28
_SENSELESS = (ValueError, TypeError, LookupError, AttributeError, RecursionError, zlib.error)


class Recording:
    """A recording; iterating over it gives its whole frames, again each time.

    Made by ``read_recording``.

    Args:
        path: of the file.
        header: what holds for all of it.
        blocks: of frames.
        cut: whether its end is missing: it was not closed, or is still being written.
        problems: what is wrong with it, in sentences; those about frames, and about intervals that
            are missing, are added while it is read.
    """

    def __init__(
        self, path: str, header: Header, blocks: list[Block], *, cut: bool, problems: list[str]
    ) -> None:
        self.path = path
        self.header = header
        self.cut = cut
        self.problems = problems
        self._blocks = blocks

    def __iter__(self) -> Iterator[Frame]:
        """The frames in their order, without those that cannot be read or depend on such."""
        descriptor = open_recording(self.path)
        try:
            yield from self._frames(descriptor)
        except OSError as error:
            raise RecordingError(f"{self.path}: cannot be read: {error.strerror}") from None
        finally:
            os.close(descriptor)

    def _frames(self, descriptor: int) -> Iterator[Frame]:
        decoder, unpacker = FrameDecoder(), zlib.decompressobj()
        usable, lost = False, 0
        for block in self._blocks:
            if block.kind is Kind.KEY:
                decoder, unpacker, usable = FrameDecoder(), zlib.decompressobj(), True
            elif block.kind is None:
                usable = False
            if not usable:
                continue
            try:
                for line in _unpacked(unpacker, read_block(descriptor, block)).splitlines():
                    frame = decoder.decode(line.decode())
                    lost += frame.lost
                    yield frame
            except _SENSELESS as error:
                usable = False
                self._say(f"{self.path}: what is at byte {block.offset} makes no sense: {error}")
        if lost:
            self._say(
                f"{self.path}: {lost} intervals are missing, which could not be recorded: what a "
                "detector answers after them may differ"
            )

    def _say(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def read_recording(path: str) -> Recording:
    """Open a recording and look at all its blocks.

    Args:
        path: of the file.

    Raises:
        RecordingError: it cannot be read, is something else, or of another version.
    """
    descriptor = open_recording(path)
    try:
        blocks = list(blocks_of(descriptor))
        if not blocks or blocks[0].kind is not Kind.HEADER:
            raise RecordingError(f"{path}: its beginning is damaged, nothing of it can be read")
        header = _header(path, read_block(descriptor, blocks[0]))
        ends = [read_block(descriptor, block) for block in blocks if block.kind is Kind.END]
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)
    cut = blocks[-1].kind is not Kind.END
    problems = [
        f"{path}: {block.length} bytes from byte {block.offset} on are damaged"
        for block in blocks
        if block.kind is None and not block.last
    ]
    if cut:
        problems.append(f"{path}: its end is missing: it was not closed, or is being written")
    problems += [f"{path}: {words}" for data in ends if (words := _after(data))]
    frames = [one for one in blocks if one.kind in (Kind.KEY, Kind.NEXT, None)]
    return Recording(path, header, frames, cut=cut, problems=problems)


def _after(end: bytes) -> str:
    """What the mark of the end says of intervals that follow."""
    if not end:
        return ""
    try:
        lost = int(json.loads(end)["l"])
    except _SENSELESS as error:
        return f"its end makes no sense: {error}"
    return f"it is not complete: {lost} intervals after its last one were not recorded"


def _header(path: str, data: bytes) -> Header:
    known = {one.name for one in fields(Header)}
    try:
        given = json.loads(_unpacked(zlib.decompressobj(), data))
        values = {name: value for name, value in given.items() if name in known}
        return Header(**{**values, "state": from_json(values.get("state"))})
    except _SENSELESS as error:
        raise RecordingError(f"{path}: its header makes no sense: {error}") from None


def _unpacked(unpacker: "zlib._Decompress", data: bytes) -> bytes:
    unpacked = unpacker.decompress(data, _MOST)
    if unpacker.unconsumed_tail:
        raise ValueError(f"it is larger than {_MOST} bytes")
    return unpacked
