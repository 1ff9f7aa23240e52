"""Which text a scraper gets, by what it says it accepts.

Source: https://prometheus.io/docs/instrumenting/content_negotiation/,
https://prometheus.io/docs/instrumenting/escaping_schemes/ and RFC 9110, section 12.5.1.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from wca.http.api import Accepted

__all__ = ["Format", "Offer", "choose_offer"]

#: Ways to write names that are not in ``[a-zA-Z_:][a-zA-Z0-9_:]*``. There are no such names here,
#: and under each of these ways all others are written as they are.
_ESCAPINGS = ("underscores", "values", "allow-utf-8")


class Format(enum.Enum):
    """How metrics are written."""

    TEXT = "text/plain"
    OPENMETRICS = "application/openmetrics-text"


@dataclass(frozen=True, slots=True)
class Offer:
    """One kind of text that is offered.

    Args:
        format: how metrics are written in it.
        version: of the format.
        usual: whether it is meant when the client names no version.
        escaping: whether its content type says how names are escaped.
    """

    format: Format
    version: str
    usual: bool
    escaping: bool

    def content_type(self, accepted: Accepted | None) -> str:
        """What it is called in an answer to the element that asked for it."""
        written = f"{self.format.value}; version={self.version}; charset=utf-8"
        if not self.escaping:
            return written
        wanted = accepted.parameters.get("escaping", "") if accepted else ""
        # One that we do not speak is answered with the default, and named so.
        return f"{written}; escaping={wanted if wanted in _ESCAPINGS else _ESCAPINGS[0]}"

    def closeness(self, accepted: Accepted) -> int:
        """How closely an element means this one: 0 not at all, 4 with its version."""
        version = accepted.parameters.get("version")
        if accepted.value == self.format.value:
            if version is None:
                return 3 if self.usual else 0
            return 4 if version == self.version else 0
        if accepted.value == f"{self.format.value.partition('/')[0]}/*":
            return 2
        return 1 if accepted.value == "*/*" else 0


#: What is offered; the first is the answer to whoever does not care, or cannot be pleased.
_OFFERS = (
    Offer(Format.TEXT, "0.0.4", usual=True, escaping=False),
    Offer(Format.OPENMETRICS, "1.0.0", usual=True, escaping=True),
    Offer(Format.TEXT, "1.0.0", usual=False, escaping=True),
)


def choose_offer(accepted: Sequence[Accepted]) -> tuple[Offer, str]:
    """Choose by weight; among equals the one that is named more closely, then earlier.

    Args:
        accepted: the elements of the header ``Accept``.

    Returns:
        The text to write, and its content type.
    """
    best, best_rank, best_element = _OFFERS[0], (0.0, 0, 0), None
    for offer in _OFFERS:
        found = _closest(offer, accepted)
        if found is None:
            continue
        position, closeness = found
        element = accepted[position]
        rank = (element.quality, closeness, -position)
        if element.quality > 0 and rank > best_rank:
            best, best_rank, best_element = offer, rank, element
    return best, best.content_type(best_element)


def _closest(offer: Offer, accepted: Sequence[Accepted]) -> tuple[int, int] | None:
    """Position and closeness of the element that decides about an offer; None: none does."""
    found = [
        (closeness, -position)
        for position, element in enumerate(accepted)
        if (closeness := offer.closeness(element))
    ]
    if not found:
        return None
    closeness, negative = max(found)
    return -negative, closeness
