"""What an answer, or the lack of one, says of what was sent. Pure functions."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

from wca.config.secrets import MASK
from wca.storage.delivery.parcel import Outcome, Parcel, Refused, Unavailable

__all__ = [
    "Answer",
    "failure_text",
    "hung_up",
    "judge",
    "masked",
    "not_now",
    "retry_after",
    "shown_url",
]

#: Characters of an answer that a message quotes.
_MOST_QUOTED = 200
#: The longest wait that a receiver may ask for, in seconds.
_LONGEST_WAIT = 3600.0
_CREDENTIALS = (401, 403, 407)
_LATER = (408, 425, 429)
_NEVER = (501, 505)
#: The receiver is away, or somebody answers in its place.
_AWAY = (502, 503, 504)
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
        # First of all: half of a secret would not be recognised.
        text = masked(words.decode("utf-8", "replace"), self.hidden)[: 4 * _MOST_QUOTED]
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return line[:_MOST_QUOTED]


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
        return not_now(answer)
    return Refused(str(answer), label="too_large" if status == _TOO_LARGE else "refused")


def not_now(answer: Answer) -> Unavailable:
    """A message that is sent again later.

    An error of the receiver itself that says nothing of a later time may lie in the message.
    """
    status, later = answer.status, answer.retry_after
    suspect = status >= 500 and status not in _AWAY and later is None
    return Unavailable(str(answer), later, suspect=suspect)


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


def masked(text: str, hidden: Collection[str]) -> str:
    """A text without those that are not shown."""
    for one in sorted(hidden, key=len, reverse=True):
        text = text.replace(one, MASK)
    return text


def shown_url(url: str) -> str:
    """A URL without what may be secret in it: user, password, query and fragment."""
    try:
        parts = urlsplit(url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    except ValueError:
        return ""


def failure_text(error: BaseException, timeout: float) -> str:
    """Why there was no answer, in a few words.

    Args:
        error: what requests raised.
        timeout: seconds the request was given.
    """
    import socket
    import ssl

    cause = next(filter(_tells, _causes(error)), error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        words = (cause.reason or "it broke off").replace("_", " ").lower()
        return f"TLS failed: {words}"
    if isinstance(cause, socket.gaierror):
        return f"its name was not found: {cause.strerror}"
    if isinstance(cause, TimeoutError) and cause.errno is None:
        return f"no answer within {timeout:.3g} s"
    if hung_up(cause):
        return "it closed the connection without an answer"
    if isinstance(cause, OSError) and cause.errno is not None:
        return (cause.strerror or type(cause).__name__).lower()
    return f"no valid answer ({type(cause).__name__})"


def hung_up(error: BaseException) -> bool:
    """Whether the receiver closed the connection instead of an answer."""
    import ssl

    ends = (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError)
    return any(isinstance(one, ends) for one in _causes(error))


def _tells(error: BaseException) -> bool:
    """Whether it says what happened, unlike what requests and urllib3 make of it."""
    module = type(error).__module__
    system = isinstance(error, OSError) and module in ("builtins", "socket", "ssl")
    return system or module == "http.client"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """What led to an exception, the first cause first, the exception itself last."""
    chain: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in chain:
        chain.append(one)
        one = one.__cause__ or one.__context__ or _wrapped(one)
    return reversed(chain)


def _wrapped(error: BaseException) -> BaseException | None:
    """The exception that urllib3 has put into another one as its argument."""
    first = error.args[0] if error.args else None
    return first if isinstance(first, BaseException) else None
