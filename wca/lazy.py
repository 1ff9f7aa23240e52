"""One helper for packages whose public names are implementations: import on first use (PEP 562)."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(package: str, places: Mapping[str, str]) -> Callable[[str], Any]:
    """A module ``__getattr__`` that imports each name from its place when it is asked for.

    Args:
        package: the package's ``__name__``.
        places: public name to the module that defines it.
    """

    def __getattr__(name: str) -> Any:  # noqa: N807 - it becomes the module's __getattr__
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(places[name]), name)

    return __getattr__
