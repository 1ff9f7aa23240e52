"""AWS on loopback: moto's HTTP server behind a proxy that is as strict as AWS, and can fail.

moto takes almost anything; what AWS refuses of the requests that WCA sends, this refuses. What moto
answers otherwise than AWS, this answers itself: metrics are read from what this has seen written,
and EC2's status checks can be impaired. Every request is kept.
"""

from tests.aws.proxy.server import (
    BROKEN,
    CLOSED,
    DENIED,
    LIMITED,
    THROTTLED,
    Aws,
    Fault,
    Request,
)

__all__ = [
    "BROKEN",
    "CLOSED",
    "DENIED",
    "LIMITED",
    "THROTTLED",
    "Aws",
    "Fault",
    "Request",
]
