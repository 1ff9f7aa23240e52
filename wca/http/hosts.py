"""Under which names a server that only this machine can reach is shown.

A site that a browser of this machine has open may let its own name mean 127.0.0.1 (DNS rebinding),
and would read the pages as its own. The browser says which name it asks for: in ``Host``.
"""

__all__ = ["LocalNames", "is_loopback"]


class LocalNames:
    """Tells names of this machine from others.

    Args:
        host: to listen on, as configured; without brackets.
    """

    def __init__(self, host: str) -> None:
        self._host = host.lower()

    def include(self, header: str | None) -> bool:
        """Whether a request with this header ``Host`` means this machine.

        Args:
            header: with a port or without; None: there is none, which no browser sends.
        """
        if header is None:
            return True
        name = _without_port(header.strip()).lower().removesuffix(".")
        if name in (self._host, "localhost") or name.endswith(".localhost"):
            return True
        return is_loopback(name)


def is_loopback(host: str) -> bool:
    """Whether it is an address that only this machine can reach; a name is none."""
    import ipaddress  # an agent without a server need not have it

    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _without_port(header: str) -> str:
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]
