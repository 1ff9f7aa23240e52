"""What a message says of a web service: where it is, what it answers, why it does not.

Pure functions; none of them shows what is secret.
"""

from collections.abc import Collection, Iterator
from urllib.parse import urlsplit, urlunsplit

from wca.config.secrets import MASK

__all__ = ["failure_text", "hung_up", "masked", "quoted", "shown_url"]

#: Characters of an answer that a message quotes.
_MOST_QUOTED = 200


def quoted(words: bytes, hidden: Collection[str]) -> str:
    """Words of an answer as they may be shown: the begin of them, on one line.

    Args:
        words: of the answer.
        hidden: texts that are not shown.
    """
    # First of all: half of a secret would not be recognised.
    text = masked(words.decode("utf-8", "replace"), hidden)[: 4 * _MOST_QUOTED]
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line[:_MOST_QUOTED]


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
