"""A running agent as a source of rows: the page of its PrometheusStorage."""

from urllib.parse import urlsplit, urlunsplit

from wca.errors import UsageError, WcaError
from wca.http_client.service import HttpService
from wca.http_client.words import shown_url
from wca.security import SSL
from wca.top.page import PageReader
from wca.top.reading import Reading

__all__ = ["AgentSource", "page_of"]

#: Seconds that an agent has for its answer.
_TIMEOUT = 5.0
_ACCEPT = "text/plain;version=0.0.4"
_PAGE = "/metrics"


def page_of(url: str) -> str:
    """The address of an agent's page.

    Args:
        url: of the agent, or of the page itself.

    Raises:
        UsageError: it is none.
    """
    try:
        parts = urlsplit(url)
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_fits = urlsplit(""), False
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_fits:
        raise UsageError(
            f"--url {url!r} is no address of an agent: write it as http://127.0.0.1:19220, or with "
            "the path of its page of metrics"
        )
    path = parts.path if parts.path.strip("/") else _PAGE
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


class AgentSource:
    """Asks an agent for what it has measured last. One that is away is asked again and again.

    Args:
        url: see ``page_of``.
        ssl: how an agent with https is verified; None: by this machine's certificate authorities.
        token: shown to the agent; None: none is.

    Raises:
        UsageError: the URL is none.
    """

    def __init__(self, url: str, ssl: SSL | None = None, token: str | None = None) -> None:
        self._url = page_of(url)
        self.name = shown_url(self._url)
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._hidden = () if token is None else (token,)
        self._service = HttpService(_TIMEOUT, _ACCEPT, ssl)
        self._pages = PageReader()

    def start(self) -> None:
        """Nothing: the agent may come later."""

    def read(self, interval: float) -> Reading:  # noqa: ARG002 - the agent has its own
        """Ask for the page; see ``Source``."""
        page = self._service.ask("GET", self._url, headers=self._headers, hidden=self._hidden)
        try:
            return self._pages.read(page)
        except WcaError as error:
            raise WcaError(f"{self.name}: {error}") from None

    def cut(self) -> None:
        """End a question that waits."""
        self._service.close()

    def close(self) -> None:
        """End the connection."""
        self._service.close()
