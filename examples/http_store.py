"""The storage of http_storage.py under the module name that the documentation's command uses."""

from http_storage import HTTPStorage

__all__ = ["HTTPStorage"]
