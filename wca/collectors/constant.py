"""The probe of what stays the same while the machine runs."""

from wca.metrics import Measurements

__all__ = ["ConstantProbe"]


class ConstantProbe:
    """Gives the same numbers with each reading.

    Args:
        values: read when it was attached.
    """

    def __init__(self, values: Measurements) -> None:
        self._values = values

    def read(self, out: Measurements) -> None:
        """Add the numbers."""
        out.update(self._values)

    def close(self) -> None:
        """Nothing is open."""
