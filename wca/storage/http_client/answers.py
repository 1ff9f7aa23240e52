"""What an answer says of what was sent. Pure functions."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from wca.http_client.words import quoted, shown_url
from wca.storage.delivery.parcel import Outcome, Parcel, Refused, Unavailable

__all__ = ["Answer", "judge", "retry_after"]

#: The longest wait that a receiver may ask for, in seconds.
_LONGEST_WAIT = 3600.0
_CREDENTIALS = (401, 403, 407)
_LATER = (408, 425, 429)
_NEVER = (501, 505)
_TOO_LARGE = 413


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver has answered.

    Args:
        place: the receiver's URL as it may be shown.
        status: HTTP status code.
        headers: by name in lower case.
        body: its first 64 KiB at most; cut where the receiver broke off or ran out of time.
        retry_after: seconds that it asks to be left alone.
        hidden: texts that are not shown, though the receiver may repeat them.
    """

    place: str
    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    retry_after: float | None = None
    hidden: Collection[str] = ()

    def __str__(self) -> str:
        """A sentence without an end: who answers what."""
        phrase = f" {HTTPStatus(self.status).phrase}" if self.status in _KNOWN else ""
        said = self.quoted(self.body)
        return f"{self.place} answers {self.status}{phrase}{f': {said}' if said else ''}"

    def quoted(self, words: bytes) -> str:
        """Words of the answer as they may be shown: the begin of them, on one line."""
        return quoted(words, self.hidden)


_KNOWN = frozenset(status.value for status in HTTPStatus)


def judge(parcel: Parcel, answer: Answer) -> Outcome:
    """What becomes of a message, by the status of the answer.

    2xx: accepted. 408, 425, 429 and 5xx but 501 and 505: sent again later. 401, 403 and 407: sent
    again later, because credentials are changed at the receiver or in their file while what was
    measured stays good. 3xx: the same, because the address is wrong, not the message. 413 and all
    others: refused for good.

    Args:
        parcel: what was sent.
        answer: to it.
    """
    del parcel  # a judge of another protocol may compare what was taken with what was sent
    status = answer.status
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        where = shown_url(answer.headers.get("location", "")) or "nowhere"
        return Unavailable(
            f"{answer.place} redirects to {where}, which is not followed: write the address that "
            "takes the messages",
            answer.retry_after,
        )
    if status in _CREDENTIALS:
        return Unavailable(f"{answer} (the credentials are not accepted)", answer.retry_after)
    if status in _LATER or (status >= 500 and status not in _NEVER):
        return Unavailable(str(answer), answer.retry_after)
    return Refused(str(answer), label="too_large" if status == _TOO_LARGE else "refused")


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds that a Retry-After header asks for; None: it says nothing that can be understood.

    Args:
        value: seconds or an HTTP date (RFC 9110 section 10.2.3).
        now: Unix time in seconds.

    Returns:
        From 0 to one hour.
    """
    text = (value or "").strip()
    if re.fullmatch(r"[0-9]{1,15}(\.[0-9]*)?", text, re.ASCII):
        return min(float(text), _LONGEST_WAIT)
    from email.utils import mktime_tz, parsedate_tz  # of no use to an agent that is not put off

    date = parsedate_tz(text)
    if date is None:
        return None
    try:
        return min(max(0.0, mktime_tz(date) - now), _LONGEST_WAIT)
    except (ValueError, OverflowError):  # a month 13
        return None
