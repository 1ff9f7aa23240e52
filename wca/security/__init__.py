"""Whom the agent trusts: the file that says what it shall do, and the servers it talks to."""

from typing import TYPE_CHECKING

from wca.lazy import lazy_names
from wca.security.config_file import MAX_CONFIG_BYTES, read_config

if TYPE_CHECKING:
    from wca.security.tls import SSL

__all__ = ["MAX_CONFIG_BYTES", "SSL", "read_config"]

__getattr__ = lazy_names(__name__, {"SSL": "wca.security.tls"})
