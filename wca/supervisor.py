"""Tells whoever has started the agent how it is: what systemd calls ``sd_notify``.

Source: sd_notify(3), sd_watchdog_enabled(3).
"""

import logging
import os
import socket
import time
from collections.abc import Mapping

__all__ = ["Supervisor"]

log = logging.getLogger(__name__)

#: Seconds that a message may wait until it is taken.
_TIMEOUT = 1.0


class Supervisor:
    """The service manager, or nobody.

    Args:
        address: of the socket that takes messages, a path or ``@name``; None: nobody listens.
        patience: seconds within which a sign of life is wanted; None: none is.
    """

    def __init__(self, address: str | None = None, patience: float | None = None) -> None:
        self._address = address
        self.patience = patience if address is not None else None
        self._status = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Supervisor":
        """The one that ``NOTIFY_SOCKET``, ``WATCHDOG_USEC`` and ``WATCHDOG_PID`` name."""
        address = environment.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            return cls()
        microseconds = environment.get("WATCHDOG_USEC", "")
        mine = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        wanted = mine and microseconds.isascii() and microseconds.isdigit()
        return cls(address, (int(microseconds) / 1e6 or None) if wanted else None)

    def ready(self, status: str) -> None:
        """The agent has started; what it does, in a few words."""
        self._status = status
        self._tell("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """The agent looks at its configuration again; ``ready`` says that this is over."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._status = "reloading"
        self._tell("RELOADING=1", f"MONOTONIC_USEC={microseconds}", "STATUS=reloading")

    def status(self, status: str) -> None:
        """What it does now, in a few words; told when they are others."""
        if status != self._status:
            self._status = status
            self._tell(f"STATUS={status}")

    def alive(self) -> None:
        """A sign of life."""
        if self.patience is not None:
            self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """The agent is about to end."""
        self._tell("STOPPING=1", "STATUS=ending")

    def _tell(self, *lines: str) -> None:
        if self._address is None:
            return
        place = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(_TIMEOUT)
                sender.sendto("\n".join(line.replace("\n", " ") for line in lines).encode(), place)
        except OSError as error:  # the agent goes on, whoever listens or not
            log.debug("%s does not take %s: %s", self._address, lines[0], error)
