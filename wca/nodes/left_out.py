"""What a source lists and its node cannot use, told once."""

import logging
from collections.abc import Mapping

__all__ = ["LeftOut"]

log = logging.getLogger(__name__)

#: Entries that one line names with their reasons.
_NAMED = 3


class LeftOut:
    """Keeps what has been said, so that only what is new is said again.

    Args:
        name: of the node.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._said: Mapping[str, str] = {}

    def tell(self, reasons: Mapping[str, str]) -> None:
        """Log what is left out now and was not the last time, in one line.

        Args:
            reasons: of all that is left out now, by what to call it.
        """
        new = [key for key, reason in reasons.items() if self._said.get(key) != reason]
        self._said = dict(reasons)
        if new:
            shown = "; ".join(f"{key}: {reasons[key]}" for key in new[:_NAMED])
            more = f"; and {len(new) - _NAMED} more" if len(new) > _NAMED else ""
            log.warning("%s leaves out %s%s", self._name, shown, more)
