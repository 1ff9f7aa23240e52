"""The nearest known name for a misspelt one."""

import difflib
from collections.abc import Iterable

__all__ = ["did_you_mean", "nearest"]

_LONGEST = 200  # difflib takes quadratic time, and a file may contain any name


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like ``name``, or None when nothing is near."""
    options = list(dict.fromkeys(known))
    if len(name) > _LONGEST:
        return None
    by_lower = {option.lower(): option for option in reversed(options)}
    exact = by_lower.get(name.lower())
    if exact is not None:
        return exact
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    """``, did you mean X?`` with a near name; otherwise the known names, if they are few."""
    options = list(known)
    found = nearest(name, options)
    if found is not None:
        return f", did you mean {prefix}{found}?"
    if not options:
        return ""
    if len(options) > 20:
        return ""
    return "; known: " + ", ".join(f"{prefix}{option}" for option in sorted(options))
