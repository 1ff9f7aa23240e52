"""What one series is called, and which labels it has, under other names."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from wca.metrics.batch import Series
from wca.metrics.cached import age_note
from wca.metrics.cadvisor_names import CADVISOR_NAMES, CadvisorName
from wca.metrics.conversions import Conversion, divided, in_whole_units, moment
from wca.metrics.metric import Metric, MetricGranularity, MetricType, MetricUnit
from wca.metrics.prometheus_names import PrometheusName, prometheus_name
from wca.metrics.task_labels import TASK_LABELS, KeptLabels

__all__ = ["Renaming", "Row"]

_TASK, _PART = "task_", "container_"
_INFORMATION = "wca_information"
_OTHERS = (
    MetricGranularity.PLATFORM,
    MetricGranularity.INTERNAL,
    MetricGranularity.ANOMALY,
    MetricGranularity.ALLOCATION,
)


@dataclass(frozen=True, slots=True)
class Row:
    """A series under its other name.

    Args:
        name: see ``Metric``, here and below.
        labels: the same object for all series that had one and keep one.
        type: see ``Metric``.
        help: see ``Metric``.
        unit: see ``Metric``.
        convert: what becomes of its values; None: they stay.
    """

    name: str
    labels: Mapping[str, str]
    type: str | None
    help: str | None
    unit: str | None
    convert: Conversion | None


class Renaming:
    """Renames series by series.

    Args:
        task_labels: which labels of a task stay; None: see ``TASK_LABELS``.
        cadvisor: cAdvisor's names where it has them, instead of Prometheus' style everywhere.
    """

    def __init__(self, task_labels: Collection[str] | None, *, cadvisor: bool) -> None:
        self._rules = KeptLabels(TASK_LABELS if task_labels is None else task_labels)
        self._cadvisor = cadvisor

    def rows_of(
        self, series: Sequence[Series | Metric], common: Collection[str]
    ) -> list[Row | None]:
        """Rename series that were exported together.

        Args:
            series: of one target, or any list of metrics.
            common: names of the labels that every series has, such as ``host``.

        Returns:
            A row for each; None for what no storage would take, such as labels that are none.
        """
        one_by_one = _Together(series, self._rules, common, cadvisor=self._cadvisor)
        return [one_by_one.row(one) if _is_sound(one) else None for one in series]


class _Together:
    """Series that were exported together, and the labels that they share."""

    def __init__(
        self,
        series: Sequence[Series | Metric],
        rules: KeptLabels,
        common: Collection[str],
        *,
        cadvisor: bool,
    ) -> None:
        self._rules = rules
        self._common = common
        self._cadvisor = cadvisor
        task = MetricGranularity.TASK
        self._of_tasks = {id(one.labels) for one in series if one.granularity == task}
        self._names = {_of_task(one.name) for one in series if isinstance(one.name, str)}
        self._labels: dict[tuple[int, str, bool, bool], Mapping[str, str]] = {}

    def row(self, one: Series | Metric) -> Row:
        plain = prometheus_name(one.name, one.type, one.unit)
        theirs = self._cadvisor_name(one.name, one.type, one.unit)
        return Row(
            plain.name if theirs is None else theirs.name,
            self._labels_of(one, theirs),
            one.type if theirs is None or theirs.typed else None,
            _help(one.help, (theirs and theirs.help) or plain.help),
            plain.unit,
            _conversion(plain, theirs),
        )

    def _cadvisor_name(self, name: str, type_: str | None, unit: str | None) -> CadvisorName | None:
        """The name in cAdvisor; none for a plugin's metric of our name and another type or unit."""
        if not self._cadvisor:
            return None
        theirs = CADVISOR_NAMES.get(_of_task(name))
        if theirs is None or theirs.total_of in self._names:
            return None
        if theirs.parts != 1 and unit != MetricUnit.SECONDS:
            return None
        counter = type_ == MetricType.COUNTER
        return theirs if not theirs.typed or theirs.name.endswith("_total") == counter else None

    def _labels_of(self, one: Series | Metric, theirs: CadvisorName | None) -> Mapping[str, str]:
        """The labels of a series, made once for all that share them."""
        if one.name == _INFORMATION:
            return one.labels
        own = one.name if theirs is not None and (theirs.labels or theirs.levels) else ""
        part, others = one.name.startswith(_PART), one.granularity in _OTHERS
        key = (id(one.labels), own, part, others)
        labels = self._labels.get(key)
        if labels is None:
            labels = self._labels[key] = self._made(one, theirs)
        return labels

    def _made(self, one: Series | Metric, theirs: CadvisorName | None) -> Mapping[str, str]:
        labels, common = one.labels, self._common
        # What a collector names that the catalogue does not know has the labels of its task.
        if one.granularity in _OTHERS or id(labels) not in self._of_tasks:
            kept = self._rules.of_others(labels)
        elif self._cadvisor:
            part = one.name.startswith(_PART)
            kept = self._rules.of_task_in_cadvisor(labels, common, part=part)
        else:
            kept = self._rules.of_task(labels, common)
        return kept if theirs is None else _with_own(kept, theirs)


def _conversion(plain: PrometheusName, theirs: CadvisorName | None) -> Conversion | None:
    """What becomes of the values of a metric under its other name."""
    if theirs is not None and theirs.parts != 1:
        return in_whole_units(theirs.parts)
    if plain.from_age:
        return moment
    return None if plain.divisor == 1 else divided(plain.divisor)


def _help(ours: str | None, other: str | None) -> str | None:
    """The HELP under another name; how old values may be is said there as well."""
    return ours if other is None else f"{other}{age_note(ours)}"


def _with_own(labels: Mapping[str, str], theirs: CadvisorName) -> Mapping[str, str]:
    """Labels with those that a metric of cAdvisor has for itself."""
    if not theirs.labels and not theirs.levels:
        return labels
    own = {
        label: form.format(str(labels[level]))
        for level, (label, form) in theirs.levels.items()
        if level in labels
    }
    rest = {name: value for name, value in labels.items() if name not in theirs.levels}
    return {**rest, **own, **theirs.labels}


def _of_task(name: str) -> str:
    """The name of the task's metric for that of its twin for a container."""
    return f"{_TASK}{name.removeprefix(_PART)}" if name.startswith(_PART) else name


def _is_sound(one: Series | Metric) -> bool:
    texts = (one.type, one.unit, one.granularity)
    return (
        isinstance(one.name, str)
        and isinstance(one.labels, Mapping)
        and all(text is None or isinstance(text, str) for text in texts)
    )
