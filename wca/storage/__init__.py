"""Where metrics go."""

from typing import TYPE_CHECKING

from wca.lazy import lazy_names
from wca.storage.api import FailedDeliveryException, Storage

if TYPE_CHECKING:
    from wca.storage.filter import FilterStorage
    from wca.storage.log import LogStorage

__all__ = ["FailedDeliveryException", "FilterStorage", "LogStorage", "Storage"]

__getattr__ = lazy_names(
    __name__,
    {"FilterStorage": "wca.storage.filter", "LogStorage": "wca.storage.log"},
)
