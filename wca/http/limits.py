"""What one client of the HTTP server may take."""

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may take.

    Args:
        head_bytes: length of the head of a request.
        head_seconds: from the first byte of a request to the last of its head, and for a TLS
            handshake.
        idle_seconds: between two requests.
        send_seconds: for taking a response.
    """

    head_bytes: int = 16 * 1024
    head_seconds: float = 10.0
    idle_seconds: float = 120.0
    send_seconds: float = 30.0
