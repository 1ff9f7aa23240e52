"""The configuration core: YAML files to objects. It knows no component.

The names below are public. They are imported on first use, so that a component which only needs
``wca.config.types`` does not load a YAML parser.
"""

from typing import TYPE_CHECKING

from wca.lazy import lazy_names

if TYPE_CHECKING:
    from wca.config.loader import Loaded, load_component, load_config, load_text
    from wca.config.registry import Registry, register
    from wca.config.types import (
        Constraint,
        Duration,
        Injected,
        IpPort,
        LabelName,
        Numeric,
        Path,
        Ratio,
        Secret,
        Size,
        Str,
        Url,
    )
    from wca.errors import ConfigLoadError, ValidationError

__all__ = [
    "register",
    "load_component",
    "load_config",
    "load_text",
    "Loaded",
    "Registry",
    "Constraint",
    "Numeric",
    "Str",
    "Path",
    "Url",
    "IpPort",
    "LabelName",
    "Duration",
    "Size",
    "Ratio",
    "Secret",
    "Injected",
    "ConfigLoadError",
    "ValidationError",
]

_TYPES = (
    "Constraint",
    "Numeric",
    "Str",
    "Path",
    "Url",
    "IpPort",
    "LabelName",
    "Duration",
    "Size",
    "Ratio",
    "Secret",
    "Injected",
)

__getattr__ = lazy_names(
    __name__,
    {
        "register": "wca.config.registry",
        "Registry": "wca.config.registry",
        "load_component": "wca.config.loader",
        "load_config": "wca.config.loader",
        "load_text": "wca.config.loader",
        "Loaded": "wca.config.loader",
        "ConfigLoadError": "wca.errors",
        "ValidationError": "wca.errors",
        **dict.fromkeys(_TYPES, "wca.config.types"),
    },
)
