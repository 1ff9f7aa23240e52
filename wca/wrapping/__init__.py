"""``wca wrap``: runs a program, passes its output on, and stores the numbers that are in it."""

from typing import TYPE_CHECKING

from wca.lazy import lazy_names
from wca.wrapping.api import Parser

if TYPE_CHECKING:
    from wca.wrapping.parsers.regexp import RegexpParser
    from wca.wrapping.service_levels import ServiceLevels
    from wca.wrapping.wrapper import Wrapper

__all__ = ["Parser", "RegexpParser", "ServiceLevels", "Wrapper"]

__getattr__ = lazy_names(
    __name__,
    {
        "RegexpParser": "wca.wrapping.parsers.regexp",
        "ServiceLevels": "wca.wrapping.service_levels",
        "Wrapper": "wca.wrapping.wrapper",
    },
)
