"""Delivery over a network: a bounded backlog, one sender thread, and patience."""

from wca.storage.delivery.backlog import Backlog, Dropped, Size, Waiting
from wca.storage.delivery.parcel import Outcome, Parcel, Refused, Target, Unavailable

__all__ = [
    "Backlog",
    "Dropped",
    "Outcome",
    "Parcel",
    "Refused",
    "Size",
    "Target",
    "Unavailable",
    "Waiting",
]
