"""Data of the own version and of the one before is used; other data is refused in one sentence."""

from wca.workers.connections.failures import LastingError

__all__ = ["check_version"]


def check_version(part: str, found: object, known: int) -> None:
    """Refuse data that this WCA does not understand.

    Args:
        part: what is kept.
        found: its version, as a number or text.
        known: that of this WCA, which knows the one before as well.

    Raises:
        LastingError: it is of another version; says what to do.
    """
    text = str(found)
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise LastingError(f"the version of {part} cannot be read: name another place")
    number = int(text)
    if number > known:
        raise LastingError(
            f"the data of {part} is of version {number}, written by a newer WCA than this one, "
            f"which knows version {known}: update WCA, or name another place"
        )
    if number < known - 1:
        raise LastingError(
            f"the data of {part} is of version {number}, too old for this WCA, which knows version "
            f"{known} and the one before: start the WCA between the two once, or name another place"
        )
