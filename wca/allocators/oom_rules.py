"""The rules of ``OOMAllocator``: as a file has them, and whether their conditions are met."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypedDict

from wca.allocators.windows import Window, number
from wca.config.types import Constraint, Duration, LabelName, Numeric, Str
from wca.detectors.api import TaskData, TasksData
from wca.errors import ValidationError
from wca.metrics.patterns import compile_pattern
from wca.platforms.api import Platform

__all__ = ["By", "Conditions", "Rule", "Rules", "compile_rule", "matches", "size_of"]

_SHARE = Numeric(0, 1)
_MEBIBYTE = 1 << 20
_LEAST = 64 * _MEBIBYTE
_CONDITIONS = ("pressure_above", "available_below", "swap_free_below", "growth_above")
_PRESSURE = "psi_memory_full_seconds"

By = Literal["pressure", "size", "growth"]
_Labels = dict[Annotated[str, LabelName()], str]


_NOBODY = "nobody may be killed by this rule: write victims, labels of tasks"


@dataclass(frozen=True)
class _Somebody(Constraint):
    """Labels that are some, so that none are reported where they stand."""

    base: ClassVar[Any] = dict

    def check(self, value: Any) -> None:
        """Refuse an empty mapping."""
        if not value:
            raise ValidationError(_NOBODY)


Patterns = Mapping[str, re.Pattern[str]]


class RuleFields(TypedDict, total=False):
    """One rule as a file has it."""

    name: Annotated[str, Str(100)]
    of: _Labels
    pressure_above: Annotated[float, _SHARE]
    available_below: Annotated[float, _SHARE]
    swap_free_below: Annotated[float, _SHARE]
    growth_above: Annotated[float, Numeric(0, None)]
    lasting: Annotated[float, Duration(0, 3600)]
    victims: Annotated[_Labels, _Somebody()]
    by: By
    least: Annotated[int, Numeric(0, None)]


@dataclass(frozen=True)
class UsableRule(Constraint):
    """A rule that can be applied, so that a wrong one is reported where it stands."""

    base: ClassVar[Any] = dict

    def check(self, value: Any) -> None:
        """Refuse a rule that could not kill, or would always. Raises ValidationError."""
        compile_rule(value, 0)


Rules = list[Annotated[RuleFields, UsableRule()]]


@dataclass(frozen=True)
class Rule:
    """A rule as it is applied.

    Args:
        name: for people.
        of: whose pressure and growth count; None: those of the machine.
        pressure_above: share of the time in which everybody waits for memory.
        available_below: share of the machine's memory that is available.
        swap_free_below: share of the swap space that is free.
        growth_above: bytes per second.
        lasting: seconds for which all of them hold.
        victims: who may be killed.
        by: what makes one the victim.
        least: bytes below which nobody is worth it.
    """

    name: str
    of: Patterns | None
    pressure_above: float | None
    available_below: float | None
    swap_free_below: float | None
    growth_above: float | None
    lasting: float
    victims: Patterns
    by: By
    least: int


def compile_rule(fields: Mapping[str, Any], place: int) -> Rule:
    """Make a rule ready to be applied.

    Args:
        fields: as a file has it.
        place: its number, for one without a name.

    Raises:
        ValidationError: it makes no sense.
    """
    if not fields.get("victims"):
        raise ValidationError(_NOBODY)
    if all(fields.get(name) is None for name in _CONDITIONS):
        raise ValidationError(f"it would always kill: write one of {', '.join(_CONDITIONS)}")
    of = fields.get("of")
    if of is not None and not {"pressure_above", "growth_above"} & fields.keys():
        raise ValidationError("of is about pressure_above and growth_above: write one of them")
    return Rule(
        fields.get("name") or f"rule {place + 1}",
        _compiled(of, "of") if of else None,
        fields.get("pressure_above"),
        fields.get("available_below"),
        fields.get("swap_free_below"),
        fields.get("growth_above"),
        float(fields.get("lasting", 30.0)),
        _compiled(fields["victims"], "victims"),
        fields.get("by", "size"),
        fields.get("least", _LEAST),
    )


def _compiled(texts: Mapping[str, str], field: str) -> Patterns:
    return {name: compile_pattern(text, f"{field}: {name}") for name, text in texts.items()}


def matches(patterns: Patterns, task: TaskData) -> bool:
    """Whether a label that the task has matches, from beginning to end."""
    return any(
        name in task.labels and pattern.fullmatch(task.labels[name]) is not None
        for name, pattern in patterns.items()
    )


def size_of(task: TaskData) -> float | None:
    """Bytes that killing it would free, swap space included; None: not known."""
    usage = number(task.measurements.get("task_mem_usage_bytes"))
    swap = number(task.measurements.get("task_mem_swap_bytes"))
    return None if usage is None else usage + (swap or 0.0)


class Conditions:
    """Whether the conditions of one rule are met, and since when.

    Args:
        rule: which.
        window: seconds over which pressure and growth are seen.
    """

    def __init__(self, rule: Rule, window: float) -> None:
        self.rule = rule
        self._window = window
        self._pressure: dict[str, Window] = {}
        self._growth = Window(window, counter=False)
        self._last = -math.inf
        self._since: float | None = None

    def reset(self) -> None:
        """The time for which they have to hold begins anew."""
        self._since = None

    def look(self, platform: Platform, tasks: TasksData) -> str:
        """Why one is to be killed now; empty: none is.

        Args:
            platform: the machine now, later than the one before.
            tasks: all.
        """
        now = platform.monotonic
        if now - self._last > self._window:
            self._since = None  # nobody has looked meanwhile
        self._last = now
        of = self._tasks(tasks)
        self._read(platform, of, now)
        reasons = [
            self._under_pressure(),
            self._low(platform, "available", "platform_mem_available_bytes", "mem_total_bytes"),
            self._low(platform, "swap_free", "platform_swap_free_bytes", "swap_total_bytes"),
            self._growing(),
        ]
        told = [reason for reason in reasons if reason is not None]
        if not all(told):
            self._since = None
            return ""
        self._since = now if self._since is None else self._since
        if now - self._since < self.rule.lasting:
            return ""
        return f"{', '.join(told)} for {now - self._since:.0f} s"

    @property
    def met(self) -> bool:
        """Whether they were all met at the last look."""
        return self._since is not None

    def _tasks(self, tasks: TasksData) -> dict[str, TaskData] | None:
        if self.rule.of is None:
            return None
        return {key: one for key, one in tasks.items() if matches(self.rule.of, one)}

    def _read(self, platform: Platform, of: Mapping[str, TaskData] | None, now: float) -> None:
        if of is None:
            read = {"": platform.measurements.get(f"platform_{_PRESSURE}")}
            total = number(platform.measurements.get("platform_mem_total_bytes"))
            free = number(platform.measurements.get("platform_mem_available_bytes"))
            used = None if total is None or free is None else max(0.0, total - free)
        else:
            read = {key: one.measurements.get(f"task_{_PRESSURE}") for key, one in of.items()}
            sizes = [size_of(task) for task in of.values()]
            used = math.fsum(one for one in sizes if one is not None) if sizes else None
        self._pressure = {
            key: self._pressure.get(key) or Window(self._window, counter=True) for key in read
        }
        for key, value in read.items():
            self._pressure[key].add(now, value)
        self._growth.add(now, used)

    def _under_pressure(self) -> str | None:
        """What is the case; empty: it is not met; None: it is no condition."""
        least = self.rule.pressure_above
        if least is None:
            return None
        rates = {key: one.rate for key, one in self._pressure.items()}
        known = [(rate, key) for key, rate in rates.items() if rate is not None]
        most, who = max(known, default=(-1.0, ""))
        if most <= least:
            return ""
        whose = f" of {who[:100]}" if who else ""
        return f"memory pressure{whose} {most:.1%} (above {least:.1%})"

    def _low(self, platform: Platform, field: str, name: str, total_name: str) -> str | None:
        most = getattr(self.rule, f"{field}_below")
        if most is None:
            return None
        free = number(platform.measurements.get(name))
        total = number(platform.measurements.get(f"platform_{total_name}"))
        if free is None or not total or free / total >= most:
            return ""
        return f"{field.replace('_', ' ')} {free / total:.1%} (below {most:.1%})"

    def _growing(self) -> str | None:
        least = self.rule.growth_above
        if least is None:
            return None
        rate = self._growth.rate
        if rate is None or rate <= least:
            return ""
        return f"{rate / _MEBIBYTE:.1f} MiB/s more (above {least / _MEBIBYTE:.1f})"
