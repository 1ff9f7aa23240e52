"""Which series of a page are the work of a task, and which say how well it does."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar

from wca.collectors.work.api import SLI, WORK
from wca.collectors.work.tally import Tally
from wca.collectors.work.text import Series
from wca.config.types import Constraint
from wca.config.words import describe
from wca.errors import ValidationError
from wca.metrics import Measurements
from wca.metrics.patterns import LabelPatterns

__all__ = ["Reckoning", "SeriesName", "Wanted"]

_NAME = re.compile(r"[A-Za-z_:][\w:.]*", re.ASCII)


@dataclass(frozen=True)
class SeriesName(Constraint):
    """The name with which the lines of a metric begin."""

    base: ClassVar[Any] = str

    def check(self, value: Any) -> None:
        """Refuse what no line begins with."""
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise ValidationError(f"expected {self.expected()}, got {describe(value)}")

    def expected(self) -> str:
        """A sentence part for messages and documents."""
        return "the name of a metric, without labels, such as http_requests_total"


class Wanted:
    """What is looked for in a page.

    Args:
        work: name of the counter.
        work_labels: which of its series, regular expressions by label; None: all.
        sli: name of the indicator.
        sli_labels: which of its series.
        slo: the objective, a number or the name of a metric; None: ``sli`` is divided by it
            already, as ``sli_normalized`` of ``wca wrap``.

    Raises:
        ValidationError: nothing is looked for, or these do not fit together.
    """

    def __init__(
        self,
        work: str | None,
        work_labels: Mapping[str, str] | None,
        sli: str | None,
        sli_labels: Mapping[str, str] | None,
        slo: float | str | None,
    ) -> None:
        _check(work, work_labels, sli, sli_labels, slo)
        self.work = work
        self.sli = sli
        self.slo = slo
        self.work_labels = LabelPatterns(work_labels or {}, "work_labels")
        self.sli_labels = LabelPatterns(sli_labels or {}, "sli_labels")

    @property
    def names(self) -> list[str]:
        """The metrics that are needed."""
        return [one for one in (self.work, self.sli, self.slo) if isinstance(one, str)]


class Reckoning:
    """Makes the numbers of one task of the series of one page after the other.

    Args:
        wanted: which series count.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._tally = Tally()

    def take(self, page: Iterable[Series], out: Measurements) -> None:
        """Add what the page says; what it does not say, or says twice, is left out.

        Args:
            page: the series of the task.
            out: where the numbers go.
        """
        series = list(page)
        counters = _values(series, self._wanted.work, self._wanted.work_labels)
        work = self._tally.add(counters)
        if work is not None:
            out[WORK] = work
        level = self._level(series)
        if level is not None:
            out[SLI] = level

    def _level(self, series: list[Series]) -> float | None:
        indicators = _values(series, self._wanted.sli, self._wanted.sli_labels).values()
        if not indicators or not all(isfinite(one) and one >= 0 for one in indicators):
            return None
        slo = self._wanted.slo
        if isinstance(slo, str):
            objectives = _values(series, slo, self._wanted.sli_labels).values()
            slo = min(objectives) if objectives and all(map(isfinite, objectives)) else 0.0
        if slo is None:
            return max(indicators)
        level = max(indicators) / slo if slo > 0 else None
        return level if level is not None and isfinite(level) else None


def _values(series: Iterable[Series], name: str | None, labels: LabelPatterns) -> dict[str, float]:
    """The numbers of a metric by series; none where a series is there twice."""
    found: dict[str, float] = {}
    for one in series:
        if one.name != name or not labels.match_all(one.labels):
            continue
        if one.key in found:
            return {}
        found[one.key] = one.value
    return found


def _check(
    work: str | None,
    work_labels: Mapping[str, str] | None,
    sli: str | None,
    sli_labels: Mapping[str, str] | None,
    slo: float | str | None,
) -> None:
    for name in (work, sli, slo):
        if isinstance(name, str):
            SeriesName().check(name)
    if work is None and sli is None:
        raise ValidationError("neither work nor sli: write the name of at least one metric")
    if work is None and work_labels:
        raise ValidationError("work_labels belong to work: write it as well")
    if sli is None and (sli_labels or slo is not None):
        raise ValidationError("sli_labels and slo belong to sli: write it as well")
    if isinstance(slo, (int, float)) and not (isfinite(slo) and slo > 0):
        raise ValidationError(f"slo is {slo:g}, write a number above 0, or the name of a metric")
