"""Regular expressions of a configuration."""

import re

from wca.errors import ValidationError

__all__ = ["compile_keys"]


def compile_keys(keys: str, advice: str, groups: int | None = None) -> re.Pattern[str]:
    """The regular expression of the argument ``keys``.

    Args:
        keys: as it is written.
        advice: how to write it right, such as "write one that matches ...".
        groups: how many groups it must have; None: any number.

    Raises:
        ValidationError: it is none, or has another number of groups.
    """
    try:
        pattern = re.compile(keys)
    except re.error as error:
        raise ValidationError(
            f"keys {keys!r} is not a regular expression ({error}); {advice}"
        ) from None
    if groups is not None and pattern.groups != groups:
        raise ValidationError(
            f"keys {keys!r} is a regular expression with {pattern.groups} groups; {advice}"
        )
    return pattern
