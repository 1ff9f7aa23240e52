"""What a configuration may say of a web service: its address, and headers."""

from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from wca.config.types import Url
from wca.errors import ValidationError
from wca.storage.http_client.auth import Credentials, HttpAuth

__all__ = ["check_headers", "check_url", "refuse_headers", "secrets_of"]

#: Headers that would contradict what is sent.
_OURS = frozenset({"connection", "content-length", "host", "transfer-encoding"})
#: Headers whose values are no secrets.
_PUBLIC = frozenset({"content-encoding", "content-type"})
#: A shorter text would be found in half of all answers, and masked in all of them.
_SHORTEST_SECRET = 4


def check_url(url: str) -> None:
    """Refuse what is no address, or shows what is secret.

    Raises:
        ValidationError: it is such.
    """
    Url().check(url)
    if "@" in urlsplit(url).netloc:
        raise ValidationError(
            "the address has a user name or a password in it: write them as username and password "
            "of auth"
        )


def refuse_headers(headers: Collection[str], names: Collection[str]) -> None:
    """Refuse headers that a storage sets itself.

    Args:
        headers: names of those that the configuration has.
        names: of those that are refused, in lower case.

    Raises:
        ValidationError: there is one of them.
    """
    for name in headers:
        if name.lower() in names:
            raise ValidationError(f"headers: {name} is set by the agent itself, leave it out")


def check_headers(headers: Mapping[str, str], auth: HttpAuth | None) -> None:
    """Refuse headers that cannot be sent, or say what is said already.

    Raises:
        ValidationError: there is one of them.
    """
    refuse_headers(headers, _OURS)
    for name, value in headers.items():
        if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            raise ValidationError(f"headers: {name!r} is no name of a header")
        if name.lower() == "authorization" and auth is not None:
            raise ValidationError("headers: Authorization is made of auth, write only one of them")
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise ValidationError(
                f"headers: the value of {name} must be printable ASCII without spaces around it"
            )


def secrets_of(
    url: str, headers: Mapping[str, str], proxy: str | None, credentials: Credentials | None
) -> set[str]:
    """What is in no message, of values that a receiver or a proxy may repeat."""
    query = urlsplit(url).query
    texts = {query, *(value for _, value in parse_qsl(query))}
    texts |= {part.partition("=")[2] for part in query.split("&")}
    texts |= {value for name, value in headers.items() if name.lower() not in _PUBLIC}
    texts |= set() if credentials is None else credentials.hidden
    if proxy is not None:
        password = urlsplit(proxy).password or ""
        texts |= {password, unquote(password)}
    return {text for text in texts if len(text) >= _SHORTEST_SECRET}
