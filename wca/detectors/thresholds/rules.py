"""The rules of ``ThresholdDetector``: as a file has them, and as they are applied."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Required, TypedDict

from wca.config.convert import Converter
from wca.config.problems import format_path
from wca.config.suggest import did_you_mean
from wca.config.types import Constraint, Duration, LabelName, Str
from wca.config.units import parse_duration, parse_ratio, parse_size
from wca.config.words import describe
from wca.detectors.api import ContendedResource
from wca.detectors.thresholds.alarms import Limits
from wca.detectors.thresholds.signals import Signal
from wca.errors import ValidationError
from wca.metrics import CATALOGUE, MetricGranularity, MetricMetadata, MetricType
from wca.metrics.patterns import LabelPatterns

__all__ = ["Amount", "Rule", "RuleFields", "Rules", "compile_rules"]

_PERIOD, _WINDOW = Duration(0, 86_400), Duration(0, 3600)
_SUBJECTS = (MetricGranularity.TASK, MetricGranularity.PLATFORM)


@dataclass(frozen=True)
class Amount(Constraint):
    """A number, or text with a unit: ``80%``, ``64MiB``, ``20ms``."""

    base: ClassVar[Any] = float

    def convert(self, value: Any) -> Any:
        """The number from text; a number is taken as it is."""
        if not isinstance(value, str):
            return value
        for parse in (parse_ratio, parse_size, parse_duration):
            try:
                return float(parse(value))
            except ValueError:
                continue
        raise ValidationError(f"expected {self.expected()}, got {describe(value)}")

    def check(self, value: Any) -> None:
        """Refuse what is no finite number."""
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value):
            raise ValidationError(f"expected {self.expected()}, got {describe(value)}")

    def expected(self) -> str:
        """A sentence part for messages and documents."""
        return "a number (or text such as 80%, 64MiB, 20ms)"


#: A rule as a file has it; ``for`` is a word of Python, so that it cannot be written as a class.
RuleFields = TypedDict(
    "RuleFields",
    {
        "metric": Required[str],
        "per": str,
        "rate": bool,
        "above": Annotated[float, Amount()],
        "below": Annotated[float, Amount()],
        "clear": Annotated[float, Amount()],
        "for": Annotated[float, _PERIOD],
        "clear_for": Annotated[float, _PERIOD],
        "window": Annotated[float, _WINDOW],
        "labels": dict[Annotated[str, LabelName()], str],
        "levels": dict[str, str],
        "resource": ContendedResource,
        "name": Annotated[str, Str(200)],
    },
    total=False,
)


@dataclass(frozen=True)
class Rule:
    """A rule as it is applied.

    Args:
        name: tells it from others.
        what: what is looked at, in words.
        signal: what is looked at.
        per: what it is divided by; None: by nothing.
        limits: what it is held against.
        window: of rates, in seconds; 0: between two readings.
        labels: which tasks it is about; None: all.
        resource: what is short when it is broken.
    """

    name: str
    what: str
    signal: Signal
    per: Signal | None
    limits: Limits
    window: float
    labels: LabelPatterns | None
    resource: ContendedResource


@dataclass(frozen=True)
class UsableRule(Constraint):
    """A rule whose fields fit together, so that a wrong one is reported where it stands."""

    def check(self, value: Any) -> None:
        """Refuse a rule that can never be applied."""
        _compiled(value)


@dataclass(frozen=True)
class DistinctRules(Constraint):
    """At least one rule, and no two of one name."""

    def check(self, value: Any) -> None:
        """Refuse what nobody could tell apart."""
        if not value:
            raise ValidationError("expected at least one rule, got an empty list")
        names = [_compiled(rule).name for rule in value]
        for name in names:
            if names.count(name) > 1:
                raise ValidationError(f"two rules are called {name!r}: give one another name")


Rules = Annotated[list[Annotated[RuleFields, UsableRule()]], DistinctRules()]


def compile_rules(rules: Sequence[RuleFields]) -> list[Rule]:
    """Make rules ready to be applied.

    Args:
        rules: from a file, or from Python, where they may be written as in a file.

    Raises:
        ValidationError: one of them makes no sense, or two cannot be told apart.
    """
    converter = Converter()
    converted = converter.convert(rules, Rules)
    for issue in converter.issues:
        raise ValidationError(f"{format_path(('rules', *issue.path))}: {issue.message}")
    return [_compiled(fields) for fields in converted]


def _compiled(fields: Mapping[str, Any]) -> Rule:
    limits = _limits(fields)
    signal = _signal("metric", fields["metric"], fields.get("rate"), fields.get("levels", {}))
    per = None
    if "per" in fields:
        entry = CATALOGUE.get(fields["per"])
        per = _signal("per", fields["per"], None if entry else signal.rate, {})
    rates = signal.rate or (per is not None and per.rate)
    if "window" in fields and not rates:
        raise ValidationError(f"window is for rates, and {signal.metric} is taken as it is")
    if "labels" in fields and signal.of_machine:
        raise ValidationError(f"labels choose tasks, and {signal.metric} is about the machine")
    what = _words(signal, per)
    side = "above" if limits.above else "below"
    return Rule(
        fields.get("name") or f"{what} {side} {limits.threshold:g}",
        what,
        signal,
        per,
        limits,
        fields.get("window", 0.0),
        LabelPatterns(fields["labels"], "labels") if fields.get("labels") else None,
        fields.get("resource", ContendedResource.UNKN),
    )


def _words(signal: Signal, per: Signal | None) -> str:
    if per is not None:
        return f"{signal.metric} per {per.metric}"
    return f"{signal.metric} per second" if signal.rate else signal.metric


def _limits(fields: Mapping[str, Any]) -> Limits:
    sides = [side for side in ("above", "below") if side in fields]
    if len(sides) != 1:
        what = "both above and below" if sides else "neither above nor below"
        raise ValidationError(f"the rule has {what}: write one of them")
    (side,) = sides
    threshold = fields[side]
    clear = fields.get("clear", threshold)
    if (clear > threshold) if side == "above" else (clear < threshold):
        where = "less" if side == "above" else "more"
        raise ValidationError(
            f"clear: {clear:g} is on the wrong side of {side}: {threshold:g}, write {where}"
        )
    periods = fields.get("for", 0.0), fields.get("clear_for", 0.0)
    return Limits(threshold, side == "above", clear, *periods)


def _signal(field: str, name: str, rate: bool | None, levels: Mapping[str, str]) -> Signal:
    entry = CATALOGUE.get(name)
    if entry is None:
        if rate is None:
            hint = did_you_mean(name, CATALOGUE)
            raise ValidationError(
                f"{field}: there is no metric {name[:80]!r}{hint}; for one of a plugin write "
                "rate: true or rate: false as well"
            )
        return Signal(name, rate, name.startswith("platform_"), tuple(levels.values()))
    if entry.granularity not in _SUBJECTS:
        raise ValidationError(f"{field}: {name} is about neither tasks nor the machine")
    if rate and entry.type is not MetricType.COUNTER:
        raise ValidationError(f"{field}: {name} is a {entry.type}, which has no rate")
    counts = entry.type is MetricType.COUNTER if rate is None else rate
    of_machine = entry.granularity is MetricGranularity.PLATFORM
    return Signal(name, counts, of_machine, _keys(field, entry, levels))


def _keys(field: str, entry: MetricMetadata, levels: Mapping[str, str]) -> tuple[str, ...]:
    """Where the number is in the nested value of a metric with levels."""
    if set(levels) != set(entry.levels):
        wanted = ", ".join(f"{level}: ..." for level in entry.levels)
        write = f"write levels: {{{wanted}}}" if wanted else "it has no levels, remove them"
        raise ValidationError(f"{field}: {entry.name} has a number for each of its levels: {write}")
    return tuple(levels[level] for level in entry.levels)
