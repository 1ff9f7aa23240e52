"""What is said when something that is kept cannot be reached, and never a password with it."""

import logging
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote, urlsplit

from wca.config.secrets import scrub
from wca.errors import StartError

__all__ = ["LastingError", "begin", "reason", "shown"]

log = logging.getLogger(__name__)

_UNREADABLE = "an address that cannot be read"


class LastingError(OSError):
    """Trying again does not help: a package is missing, or the data is of a newer WCA."""


def begin(connect: Callable[[], object]) -> None:
    """Connect when the agent starts; what cannot be reached then is tried again when it is used.

    Args:
        connect: raises OSError with a sentence.

    Raises:
        StartError: it will never work as it is configured.
    """
    try:
        connect()
    except LastingError as error:
        raise StartError(str(error)) from None
    except OSError as error:
        log.error("%s; it is tried again when it is used", error)  # noqa: TRY400 - one sentence


def shown(url: str) -> str:
    """An address without user, password and options, for messages."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return _UNREADABLE
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme and host else _UNREADABLE


def reason(error: BaseException, url: str = "") -> str:
    """The first line of an error without the passwords of an address.

    Args:
        error: of a library.
        url: the address that it was given.
    """
    lines = str(error).strip().splitlines()
    text = lines[0].rstrip(".:") if lines else type(error).__name__
    return scrub(text, _passwords(url))


def _passwords(url: str) -> set[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return {url}
    password = parts.netloc.rpartition("@")[0].partition(":")[2]
    options = {value for name, value in parse_qsl(parts.query) if "password" in name.lower()}
    return {password, unquote(password), *options} - {""}
