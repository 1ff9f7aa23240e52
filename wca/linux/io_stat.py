"""Input and output of a cgroup by block device: ``io.stat`` of v2, ``blkio.throttle.*`` of v1."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count

from wca.linux.parse import Malformed, to_number

__all__ = ["DeviceNumbers", "ParseDevices", "parse_blkio", "parse_io_stat"]

#: ``parse_io_stat`` or ``parse_blkio``.
ParseDevices = Callable[[bytes, Sequence[bytes]], Mapping[str, list[int]]]

_NUMBER = re.compile(rb"(?<=[ =])\d+(?=[ \n])")


class DeviceNumbers:
    """The numbers of each device, read again and again from the same file.

    As long as it lists the same devices, only its digits change. So the text between them is kept
    as a pattern, and where that fits the whole file, the file is not parsed anew.

    Args:
        parse: parser of the file.
        keys: what to take of each device.
    """

    __slots__ = ("_keys", "_parse", "_pattern", "devices")

    def __init__(self, parse: ParseDevices, keys: Sequence[bytes]) -> None:
        self._parse = parse
        self._keys = tuple(keys)
        self._pattern: re.Pattern[bytes] | None = None
        #: The devices of the last reading.
        self.devices: tuple[str, ...] = ()

    def read(self, data: bytes) -> list[int]:
        """The numbers of the first device in the order of the keys, then those of the next one.

        Args:
            data: content of the file.

        Raises:
            Malformed: see the parser.
        """
        match = self._pattern.fullmatch(data) if self._pattern else None
        if match:
            return list(map(int, match.groups()))
        found = self._parse(data, self._keys)
        self.devices = tuple(found)
        self._pattern = self._pattern_of(data)
        return [number for numbers in found.values() for number in numbers]

    def _pattern_of(self, data: bytes) -> re.Pattern[bytes] | None:
        # In a copy in which every number is its own place, the parser takes the wanted places.
        places = count()
        copy = _NUMBER.sub(lambda _: b"%d" % next(places), data)
        wanted = [place for taken in self._parse(copy, self._keys).values() for place in taken]
        if wanted != sorted(wanted):  # a match gives the numbers in the order of the file
            return None
        pattern, *texts = map(re.escape, _NUMBER.split(data))
        for place, text in enumerate(texts):
            pattern += (rb"(\d{1,20})" if place in wanted else rb"\d{1,20}") + text
        return re.compile(pattern)


def parse_io_stat(data: bytes, keys: Sequence[bytes]) -> dict[str, list[int]]:
    """Numbers of each block device, which is named ``major:minor``.

    Source: ``io.stat`` (Documentation/admin-guide/cgroup-v2.rst), lines ``8:0 rbytes=1 wbytes=2
    rios=3 wios=4 dbytes=5 dios=6``. A device without such counts is left out: some kernels begin
    its line and go on with the next device.

    Args:
        data: content of the file.
        keys: what to take of each device, such as ``b"rbytes"``.

    Raises:
        Malformed: a line of another form, or a device that has only some of the keys.
    """
    devices: dict[str, list[int]] = {}
    for line in data.splitlines():
        for device, tokens in _by_device(line.split()):
            pairs = dict(token.split(b"=", 1) for token in tokens if b"=" in token)
            numbers = [to_number(pairs[key]) for key in keys if key in pairs]
            if numbers:
                devices[device] = _complete(numbers, len(keys), line)
    return devices


def parse_blkio(data: bytes, keys: Sequence[bytes]) -> dict[str, list[int]]:
    """Numbers of each block device, which is named ``major:minor``.

    Source: ``blkio.throttle.io_service_bytes_recursive`` and ``io_serviced_recursive``
    (Documentation/admin-guide/cgroup-v1/blkio-controller.rst), lines ``8:0 Read 4096``.

    Args:
        data: content of the file.
        keys: kinds of operations, such as ``b"Read"``.

    Raises:
        Malformed: a line of another form, or a device that has only some of the keys.
    """
    found: dict[str, dict[bytes, int]] = {}
    for line in data.splitlines():
        words = line.split()
        number = to_number(words[-1]) if words else None
        if number is None or not (len(words) == 3 or words[0] == b"Total"):
            raise Malformed(f"expected a line such as 8:0 Read 4096, got {line[:40]!r}")
        if len(words) == 3:
            found.setdefault(_device(words[0], line), {})[words[1]] = number
    return {
        device: _complete([counts[key] for key in keys if key in counts], len(keys), data)
        for device, counts in found.items()
    }


def _by_device(tokens: list[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    if not tokens:
        return
    starts = [at for at, token in enumerate(tokens) if b"=" not in token]
    if not starts or starts[0] != 0:
        raise Malformed(f"expected a device such as 8:0, got {tokens[0][:40]!r}")
    for start, end in zip(starts, [*starts[1:], len(tokens)], strict=True):
        yield _device(tokens[start], tokens[start]), tokens[start + 1 : end]


def _device(token: bytes, line: bytes) -> str:
    major, colon, minor = token.partition(b":")
    if colon and to_number(major) is not None and to_number(minor) is not None:
        return token.decode()
    raise Malformed(f"expected a device such as 8:0, got {line[:40]!r}")


def _complete(numbers: Sequence[int | None], expected: int, line: bytes) -> list[int]:
    known = [number for number in numbers if number is not None]
    if len(known) != expected:
        raise Malformed(f"expected {expected} numbers of a device, got {line[:60]!r}")
    return known
