"""Rules that change names and labels: functions from values to values."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, Required, TypedDict

from wca.config.types import LabelName
from wca.errors import ValidationError
from wca.metrics.patterns import NamePatterns, compile_pattern

__all__ = ["LabelRules", "NameRules", "Replacement"]

_Labels = dict[str, str]
_Step = Callable[[_Labels], None]


class Replacement(TypedDict, total=False):
    r"""A label's value made from another one: ``{label: pod, regexp: (.+)-\d+, value: \1}``."""

    label: Required[Annotated[str, LabelName()]]
    regexp: Required[str]
    value: Required[str]
    into: Annotated[str, LabelName()]


class NameRules:
    """New names of metrics.

    Args:
        rename: name, or expression that matches a whole name, to what it becomes.

    Raises:
        ValidationError: an expression is none.
    """

    def __init__(self, rename: Mapping[str, str]) -> None:
        self._rules = [
            (_compile(pattern, new, f"rename_metrics.{pattern}"), new)
            for pattern, new in rename.items()
        ]

    def apply(self, name: str) -> str:
        """The name that the first rule which matches gives, or the same name."""
        for pattern, new in self._rules:
            found = pattern.fullmatch(name)
            if found:
                return found.expand(new)
        return name


class LabelRules:
    """Changes labels, one kind of rule after the other: replace, keep, drop, rename, add.

    A label whose value becomes empty is left out: to Prometheus both are the same.

    Args:
        replace: values made from others.
        keep: names or expressions of the labels that stay; None: all.
        drop: names or expressions of labels that go.
        rename: old names to new ones; a label that has the new name already is replaced.
        add: labels for every series; one that has the name already is replaced.

    Raises:
        ValidationError: an expression is none.
    """

    def __init__(
        self,
        replace: Sequence[Replacement],
        keep: Collection[str] | None,
        drop: Collection[str],
        rename: Mapping[str, str],
        add: Mapping[str, str],
    ) -> None:
        self._steps: list[_Step] = [
            _replacing(one, f"replace_values[{number}]") for number, one in enumerate(replace)
        ]
        if keep is not None:
            self._steps.append(_leaving(NamePatterns(keep, "keep_labels"), matching=True))
        if drop:
            self._steps.append(_leaving(NamePatterns(drop, "drop_labels"), matching=False))
        if rename:
            self._steps.append(_renaming(rename))
        if add:
            self._steps.append(lambda labels: labels.update(add))

    def apply(self, labels: Mapping[str, str]) -> Mapping[str, str]:
        """The labels as they become; the same object where nothing changes."""
        changed = dict(labels)
        for step in self._steps:
            step(changed)
        return labels if changed == labels else changed


def _compile(regexp: str, value: str, field: str) -> re.Pattern[str]:
    """An expression and what its matches become, whose groups are checked with it."""
    pattern = compile_pattern(regexp, field)
    try:
        pattern.sub(value, "")  # reads the value, whether something matches or not
    except (re.error, IndexError) as error:
        raise ValidationError(f"{field}: {value!r} cannot replace a match: {error}") from None
    return pattern


def _replacing(rule: Replacement, field: str) -> _Step:
    pattern = _compile(rule["regexp"], rule["value"], field)
    label = rule["label"]
    into = rule.get("into", label)

    def replace(labels: _Labels) -> None:
        value: Any = labels.get(label, "")
        found = pattern.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            return
        new = found.expand(rule["value"])
        if new:
            labels[into] = new
        else:
            labels.pop(into, None)

    return replace


def _leaving(names: NamePatterns, *, matching: bool) -> _Step:
    def leave(labels: _Labels) -> None:
        for name in [name for name in labels if names.match(name) != matching]:
            del labels[name]

    return leave


def _renaming(rename: Mapping[str, str]) -> _Step:
    def rename_all(labels: _Labels) -> None:
        moved = {new: labels.pop(old) for old, new in rename.items() if old in labels}
        labels.update(moved)  # after all were taken, so that two labels can change places

    return rename_all
