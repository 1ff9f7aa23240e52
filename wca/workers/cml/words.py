"""Numbers as people read them."""

__all__ = ["percent"]


def percent(value: float | None) -> str:
    """A number of percent; None is ``no data``, which is not 0."""
    return "no data" if value is None else f"{value:.1f}%"
