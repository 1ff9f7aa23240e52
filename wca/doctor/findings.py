"""What was found, in words."""

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True)
class Finding:
    """One thing that the agent may need.

    Args:
        subject: what it is about, such as ``perf events``.
        good: whether it is there.
        found: what is there, or what is missing.
        remedy: the one command, or the one line to change, that closes the gap; empty: nothing
            does, or there is none.
    """

    subject: str
    good: bool
    found: str
    remedy: str = ""

    @classmethod
    def there(cls, subject: str, found: str) -> "Finding":
        """What is as it should be."""
        return cls(subject, good=True, found=found)

    @classmethod
    def gap(cls, subject: str, missing: str, remedy: str = "") -> "Finding":
        """What is not, and what closes it."""
        return cls(subject, good=False, found=missing, remedy=remedy)
