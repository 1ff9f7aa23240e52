"""The rules of ``StaticAllocator``: as a file has them, and as they are applied."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypedDict

from wca.allocators.api import AllocationType, RDTAllocation, TaskAllocations
from wca.config.convert import Converter
from wca.config.problems import format_path
from wca.config.types import Constraint, LabelName, Str
from wca.detectors.api import TaskData, TasksData
from wca.errors import ValidationError

__all__ = ["Rule", "Rules", "compile_rules"]


_NOTHING = "a rule grants something: write allocations, such as cpu_quota: 0.5"


@dataclass(frozen=True)
class _Something(Constraint):
    """Allocations that are some, so that none are reported where they stand."""

    base: ClassVar[Any] = dict

    def check(self, value: Any) -> None:
        """Refuse an empty mapping."""
        if not value:
            raise ValidationError(_NOTHING)


class _Rdt(TypedDict, total=False):
    name: str | None
    l3: str | None
    mb: str | None
    l2: str | None
    smba: str | None


#: Of ``io_max``: by device and limit.
_Limits = dict[str, dict[str, int | str]]


class RuleFields(TypedDict, total=False):
    """One rule as a file has it."""

    name: Annotated[str, Str(200)]
    task_id: str
    labels: dict[Annotated[str, LabelName()], str]
    match: Literal["all", "any"]
    allocations: Annotated[
        dict[AllocationType, float | int | str | list[int] | _Rdt | _Limits], _Something()
    ]


@dataclass(frozen=True)
class Rule:
    """A rule as it is applied.

    Args:
        name: for people.
        task_id: the one task that it is about; None: those whose labels match.
        labels: expressions by label, matched at the beginning of the value; none: all tasks.
        any_label: whether one label that matches is enough.
        allocations: what those tasks are granted.
    """

    name: str
    task_id: str | None
    labels: Mapping[str, re.Pattern[str]]
    any_label: bool
    allocations: TaskAllocations

    def chosen(self, tasks: TasksData) -> list[str]:
        """The ids of the tasks that it is about; one that is not there is none."""
        if self.task_id is not None:
            return [self.task_id] if self.task_id in tasks else []
        return [task_id for task_id, task in tasks.items() if self._matches(task)]

    def _matches(self, task: TaskData) -> bool:
        if not self.labels:
            return True
        found = [
            name in task.labels and pattern.match(task.labels[name]) is not None
            for name, pattern in self.labels.items()
        ]
        return any(found) if self.any_label else all(found)


@dataclass(frozen=True)
class UsableRule(Constraint):
    """A rule that can be applied, so that a wrong one is reported where it stands."""

    base: ClassVar[Any] = dict

    def check(self, value: Any) -> None:
        """Refuse a rule that can never be applied."""
        _compiled(value, 0)


Rules = list[Annotated[RuleFields, UsableRule()]]


def compile_rules(rules: Any, first: int = 0) -> list[Rule]:
    """Make rules ready to be applied.

    Args:
        rules: as a file has them.
        first: number of the first one, for those without a name.

    Raises:
        ValidationError: one of them makes no sense; it says which.
    """
    converter = Converter()
    converted: Sequence[Mapping[str, Any]] = converter.convert(rules, Rules)
    for issue in converter.issues:
        raise ValidationError(f"{format_path(('rules', *issue.path))}: {issue.message}")
    return [_compiled(fields, first + place) for place, fields in enumerate(converted)]


def _compiled(fields: Mapping[str, Any], place: int) -> Rule:
    if not fields.get("allocations"):
        raise ValidationError(_NOTHING)
    if "task_id" in fields and "labels" in fields:
        raise ValidationError("a rule has either task_id or labels: remove one of them")
    if "match" in fields and not fields.get("labels"):
        raise ValidationError("match says how several labels are combined: write labels as well")
    return Rule(
        fields.get("name") or f"rule {place + 1}",
        fields.get("task_id"),
        {name: _pattern(name, text) for name, text in fields.get("labels", {}).items()},
        fields.get("match") == "any",
        {
            AllocationType(name): _value(AllocationType(name), value)
            for name, value in fields["allocations"].items()
        },
    )


def _value(type_: AllocationType, value: Any) -> Any:
    is_rdt = type_ is AllocationType.RDT and isinstance(value, dict)
    return RDTAllocation(**value) if is_rdt else value


def _pattern(name: str, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ValidationError(f"labels: {name}: no regular expression: {error}") from None
