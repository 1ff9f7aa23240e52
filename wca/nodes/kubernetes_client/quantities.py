"""Amounts as Kubernetes writes them: ``250m``, ``64Mi``, ``1e9``.

Nothing is finer than a billionth there, so that a whole number of billionths is the exact amount.

Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import math
import re
from fractions import Fraction
from functools import lru_cache

from wca.errors import ValidationError

__all__ = ["parse_quantity", "to_number"]

_QUANTITY = re.compile(
    r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:[eE]([+-]?[0-9]+)|([numkMGTPE]|[KMGTPE]i)?)", re.ASCII
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_BILLION = 10**9
#: What one quantity may be at most, either way.
_MOST = (2**63 - 1) * _BILLION
#: No amount that means anything is longer; digits are what computing with it costs.
_LONGEST = 64
#: A power of ten that brings any number of that length beyond the most or the smallest.
_FAR = 100


@lru_cache(maxsize=4096)  # the same few are written in many pods
def parse_quantity(text: str) -> int:
    """The amount in billionths.

    As in Kubernetes it is at most 2^63-1 in magnitude, and what is finer than a billionth is
    rounded away from zero: who asks for something gets something.

    Raises:
        ValidationError: it is no amount.
    """
    found = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        raise ValidationError(f"{text[:_LONGEST]!r} is no quantity such as 250m, 64Mi or 1e9")
    number, suffix = Fraction(found[1]) * _BILLION, found[3]
    if suffix in _BINARY:
        number *= 1024 ** _BINARY[suffix]
    else:
        exponent = int(found[2] or _DECIMAL.get(suffix, 0))
        # Far from what counts, where the power itself is not computed: 1e999999999.
        number *= Fraction(10) ** max(-_FAR, min(exponent, _FAR))
    whole = math.ceil(number) if number > 0 else math.floor(number)
    return max(-_MOST, min(whole, _MOST))


def to_number(billionths: int) -> int | float:
    """An amount as a number: whole where it is whole."""
    whole, rest = divmod(billionths, _BILLION)
    return billionths / _BILLION if rest else whole
