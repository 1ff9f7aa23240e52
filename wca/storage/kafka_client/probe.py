"""Whether anybody takes connections, told within a time that holds for the look-up of names too."""

import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["LookUp", "Probe"]

#: ``socket.getaddrinfo``, which waits for as long as the machine's resolver does.
LookUp = Callable[..., list[Any]]


class Probe:
    """Tries one place after the other. Used by one thread at a time.

    A look-up that does not come to an end goes on, on a thread of its own, and the next attempt
    waits for the same one.

    Args:
        places: ``host:port`` each.
        look_up: finds the addresses of a name.
    """

    def __init__(self, places: Sequence[str], look_up: LookUp = socket.getaddrinfo) -> None:
        self._places = list(places)
        self._look_up = look_up
        self._running: dict[tuple[str, int], _Search] = {}

    def silence(self, end: float) -> str | None:
        """Why nobody answers, place by place; None: somebody does.

        Args:
            end: monotonic time in seconds by which it is over; each place has an equal share.
        """
        reasons = []
        for left, place in zip(range(len(self._places), 0, -1), self._places, strict=True):
            host, _, port = place.rpartition(":")
            seconds = max(0.001, (end - time.monotonic()) / left)
            try:
                self._connect(host.strip("[]"), int(port), seconds)
            except OSError as error:
                reasons.append(f"{place}: {error.strerror or error}")
            else:
                return None
        return ", ".join(reasons)

    def _connect(self, host: str, port: int, seconds: float) -> None:
        end = time.monotonic() + seconds
        addresses = self._addresses(host, port, seconds)
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            try:
                _try(address, max(0.001, (end - time.monotonic()) / left))
            except OSError:
                if left == 1:
                    raise
            else:
                return

    def _addresses(self, host: str, port: int, seconds: float) -> list[Any]:
        kind = socket.SOCK_STREAM
        try:
            return socket.getaddrinfo(host, port, type=kind, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            pass  # it is a name
        place = host, port
        search = self._running.get(place) or _Search(lambda: self._look_up(host, port, type=kind))
        self._running[place] = search
        if not search.ended.wait(seconds):
            raise TimeoutError(f"its name was not looked up within {seconds:.3g} s")
        del self._running[place]
        if search.failure is not None:
            raise OSError(search.failure)
        return search.found


def _try(address: Any, seconds: float) -> None:
    """Connect to what a look-up has found. Raises OSError."""
    family, kind, protocol, _, place = address
    with socket.socket(family, kind, protocol) as connection:
        connection.settimeout(seconds)
        connection.connect(place)


class _Search:
    """A look-up on a thread of its own.

    Args:
        look_up: does it.
    """

    def __init__(self, look_up: Callable[[], list[Any]]) -> None:
        self._look_up = look_up
        self.ended = threading.Event()
        self.found: list[Any] = []
        self.failure: str | None = None
        thread = threading.Thread(target=self._run, name="name look-up", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no room for one more
            self.failure = str(error)
            self.ended.set()

    def _run(self) -> None:
        try:
            self.found = self._look_up()
        except OSError as error:
            self.failure = error.strerror or str(error)
        except UnicodeError:  # a part of the name is longer than a name may be
            self.failure = "Name or service not known"
        finally:
            self.ended.set()
