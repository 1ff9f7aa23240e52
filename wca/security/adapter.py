"""A TLS context for requests. Imports requests: to be imported where it is used."""

import ssl
from typing import Any

from requests.adapters import HTTPAdapter

__all__ = ["ContextAdapter"]


class ContextAdapter(HTTPAdapter):
    """Opens connections with one TLS context, to the server and to a proxy before it.

    requests gives every connection its own bundle of certificate authorities on top of the
    context's, so that a server which any public authority has certified would pass where only a
    private one was meant. Here nothing is added.

    Args:
        context: of the client side.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        if context.verify_mode == ssl.CERT_NONE:
            _silence_urllib3()
        super().__init__()  # calls init_poolmanager

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Overrides where requests has the connections to servers from."""
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Overrides where requests has the connections through a proxy from."""
        kwargs.setdefault("ssl_context", self._context)
        if proxy.lower().startswith("https:"):
            kwargs.setdefault("proxy_ssl_context", self._context)
        return super().proxy_manager_for(proxy, **kwargs)

    def get_connection_with_tls_context(
        self, request: Any, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """Overrides requests' choice of TLS settings: they are the context's."""
        del verify, cert
        verified = self._context.verify_mode != ssl.CERT_NONE
        return super().get_connection_with_tls_context(request, verified, proxies)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Overrides what adds certificates to a connection; there is nothing to add."""


def _silence_urllib3() -> None:
    """SSL has said once, in the log, that no server is verified; urllib3 would at each request."""
    import urllib3

    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
