"""Worker monitoring: a fleet of EC2 instances polled, judged, alerted on and healed.

Names are imported when they are used, so that none of them brings in a library that is not needed.
"""

from wca.lazy import lazy_names

__all__: list[str] = []

#: Public name to the module that has it.
_PLACES: dict[str, str] = {}

__getattr__ = lazy_names(__name__, _PLACES)
