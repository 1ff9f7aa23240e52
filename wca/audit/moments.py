"""Times as people write them, and as they are shown to them."""

import re
from datetime import UTC, datetime, timedelta, tzinfo

from wca.errors import UsageError

__all__ = ["moment", "shown"]

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


def moment(text: str, now: float, zone: tzinfo | None = None) -> float:
    """The end of the moment that a text names, as Unix time.

    Args:
        text: such as ``12:03``, the last one there was, ``12:03:10``, or ``2026-11-30T12:03``, with
            ``Z`` or ``+01:00`` or in the time of this machine.
        now: Unix time.
        zone: of this machine; None: ask it.

    Raises:
        UsageError: it is none.
    """
    clock = _CLOCK.fullmatch(text.strip())
    try:
        if clock is not None:
            here = datetime.fromtimestamp(now, UTC).astimezone(zone)
            hour, minute, second = int(clock[1]), int(clock[2]), int(clock[3] or 0)
            found = here.replace(hour=hour, minute=minute, second=second, microsecond=0)
            found = found.replace(tzinfo=None)
            if found > here.replace(tzinfo=None):
                found -= timedelta(days=1)
            if zone is not None:
                found = found.replace(tzinfo=zone)
            whole = clock[3] is None
        else:
            found = datetime.fromisoformat(text.strip())
            if found.tzinfo is None and zone is not None:
                found = found.replace(tzinfo=zone)
            whole = text.count(":") < 2 and found.second == 0
        start = found.timestamp()
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is no time, write such as 12:03 or 2026-11-30T12:03") from None
    return start + (60.0 if whole else 1.0)


def shown(time: float, zone: tzinfo | None = None, *, day: bool = False) -> str:
    """A Unix time in the time of this machine, with the day where that is wanted."""
    text = datetime.fromtimestamp(time, UTC).astimezone(zone)
    return text.strftime("%Y-%m-%d %H:%M:%S" if day else "%H:%M:%S")
