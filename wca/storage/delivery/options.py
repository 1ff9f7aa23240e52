"""What a configuration may say about delivery."""

import enum
from typing import Annotated, Required, TypedDict

from wca.config.types import Duration, Numeric, Path, Size
from wca.errors import ValidationError

__all__ = [
    "DeliveryMode",
    "Order",
    "QueueOptions",
    "SpoolOptions",
    "Survives",
    "WhenFull",
    "check_options",
]

#: Fields of ``queue`` that bound what waits in memory.
_OF_MEMORY = ("max_bytes", "max_messages", "max_age")


class DeliveryMode(enum.StrEnum):
    """Whether ``store`` leaves the sending to a queue, or sends and waits for the answer."""

    QUEUED = "queued"
    BLOCKING = "blocking"


class Order(enum.StrEnum):
    """Which of the waiting messages is sent first."""

    OLDEST = "oldest"
    NEWEST = "newest"


class WhenFull(enum.StrEnum):
    """What makes room when a bound is reached.

    ``merge``: first whatever a later message has replaced, such as older states of the same
    counters, which costs the course of the counters and none of what they counted; then the
    oldest. ``drop_oldest``: the oldest. ``drop_newest``: what has just come.
    """

    MERGE = "merge"
    DROP_OLDEST = "drop_oldest"
    DROP_NEWEST = "drop_newest"


class Survives(enum.StrEnum):
    """What a message that ``store`` has put on disk survives."""

    KILL = "kill"
    POWER_CUT = "power_cut"


class QueueOptions(TypedDict, total=False):
    """The queue of messages that wait for their target, and how often that is tried."""

    max_bytes: Annotated[int, Size(1)]
    max_messages: Annotated[int, Numeric(1, None)]
    max_age: Annotated[float, Duration(0.001)]
    order: Order
    when_full: WhenFull
    first_retry: Annotated[float, Duration(0.001, 3600)]
    longest_retry: Annotated[float, Duration(0.001, 3600)]


class SpoolOptions(TypedDict, total=False):
    """The file in which messages wait instead, so that they outlive the agent."""

    path: Required[Annotated[str, Path(absolute=True)]]
    max_bytes: Annotated[int, Size(1)]
    max_age: Annotated[float, Duration(0.001)]
    survives: Survives


def check_options(
    delivery: DeliveryMode, queue: QueueOptions | None, spool: SpoolOptions | None
) -> None:
    """Refuse options that would have no effect beside each other.

    Raises:
        ValidationError: there are such.
    """
    if delivery is DeliveryMode.BLOCKING and (queue or spool):
        what = "spool" if spool else "queue"
        raise ValidationError(
            f"{what}: nothing waits with delivery: blocking: leave {what} out, or delivery"
        )
    queue = queue or {}
    for name in _OF_MEMORY:
        if spool and name in queue:
            raise ValidationError(
                f"queue: {name} is for messages in memory, but they wait in the file of spool: "
                "leave it out, and write max_bytes and max_age of spool"
            )
    if queue.get("first_retry", 0.0) > queue.get("longest_retry", float("inf")):
        raise ValidationError("queue: first_retry is longer than longest_retry")
