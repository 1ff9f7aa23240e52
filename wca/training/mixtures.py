"""Gaussian mixtures of one number, and the fence around what is usual."""

import warnings
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wca.errors import UsageError

__all__ = ["Component", "fence", "mixture", "need_packages"]

#: Fixed, so that the same readings always give the same mixture.
_SEED = 1
#: A spread below this share of the number is none.
_NO_SPREAD = 1e-9


@dataclass(frozen=True)
class Component:
    """One normal distribution of a mixture.

    Args:
        weight: share of the readings that it stands for.
        mean: in the unit of the number.
        deviation: the standard deviation.
    """

    weight: float
    mean: float
    deviation: float


def need_packages() -> None:
    """Import what is needed. Raises UsageError where it is not installed."""
    try:
        import numpy as np  # noqa: F401
        import sklearn.mixture  # noqa: F401
        import threadpoolctl  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"training needs scikit-learn ({error}): install wca with its extra `train`, or "
            "scikit-learn"
        ) from None


def mixture(values: Sequence[float], most: int) -> list[Component]:
    """The mixture with the lowest Bayesian information criterion, by mean.

    Args:
        values: at least one.
        most: components.
    """
    import numpy as np
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    data = np.sort(np.asarray(values, dtype=np.float64))  # their order means nothing
    centre, scale = float(np.median(data)), float(data.std())
    distinct = len(np.unique(data))
    if distinct < 2 or scale <= _NO_SPREAD * abs(centre):
        return [Component(1.0, float(data.mean()), scale)]
    column = ((data - centre) / scale).reshape(-1, 1)
    fitted: list[tuple[float, Any]] = []
    with threadpool_limits(1), warnings.catch_warnings():  # threads add up in any order
        warnings.simplefilter("ignore")  # what did not converge has a criterion, too
        for count in range(1, min(most, distinct) + 1):
            one = GaussianMixture(count, random_state=_SEED).fit(column)
            fitted.append((float(one.bic(column)), one))
    best = min(fitted, key=lambda one: one[0])[1]
    found = zip(best.weights_, best.means_[:, 0], best.covariances_[:, 0, 0], strict=True)
    return sorted(
        (
            Component(float(weight), centre + scale * float(mean), scale * float(variance) ** 0.5)
            for weight, mean, variance in found
        ),
        key=lambda one: one.mean,
    )


def fence(
    values: Sequence[float], components: Sequence[Component], span: float, budget: float
) -> float:
    """The lowest end of a component that leaves few enough readings outside.

    The ends are ``mean + span * deviation``; where all of them leave too many outside, it is the
    highest one.

    Args:
        values: the smallest first.
        components: of their mixture.
        span: standard deviations.
        budget: share of the readings that may be outside.
    """
    ends = sorted(one.mean + span * one.deviation for one in components)
    for end in ends:
        if len(values) - bisect_right(values, end) <= budget * len(values):
            return end
    return ends[-1]
