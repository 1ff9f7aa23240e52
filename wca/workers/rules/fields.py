"""What all rules have in common: how long they must hold, and names that tell them apart."""

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, TypedDict

from wca.config.suggest import did_you_mean
from wca.config.types import Numeric, Str
from wca.errors import ValidationError
from wca.workers.api import Rule

__all__ = ["Periods", "RuleName", "check_rules", "polls_of", "unknown_fields"]

_POLLS = Numeric(1, 1000)

#: A name that was given to a rule.
RuleName = Annotated[str, Str(200)]

#: ``for`` is a word of Python, so that no constructor can have it as a parameter.
Periods = TypedDict("Periods", {"for": Annotated[int, _POLLS]}, total=False)


def polls_of(fields: Mapping[str, Any]) -> int:
    """How many polls, or readings, in a row a rule must hold before it fires: ``for``, or 1.

    Args:
        fields: those of ``Periods``.

    Raises:
        ValidationError: it is no such number.
        TypeError: there are other fields.
    """
    unknown_fields(fields, {"for"})
    polls = fields.get("for", 1)
    if not isinstance(polls, int) or isinstance(polls, bool) or not 1 <= polls <= 1000:
        raise ValidationError(f"for: expected a whole number from 1 to 1000, got {polls!r}")
    return polls


def unknown_fields(fields: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse what no constructor has, as Python itself would. Raises TypeError."""
    for name in fields:
        if name not in known:
            raise TypeError(f"unexpected keyword argument {name!r}")


def check_rules(rules: Sequence[Rule], metrics: Collection[str] | None = None) -> None:
    """Refuse rules that nobody could tell apart, or that look at what is not read.

    Args:
        rules: of a configuration.
        metrics: names of the queries; None: not known here.

    Raises:
        ValidationError: two have one name, or one looks at a metric that is none of those.
    """
    names = [rule.name for rule in rules]
    for place, rule in enumerate(rules):
        if rule.name in names[:place]:
            raise ValidationError(
                f"rules[{place}]: another rule is called {rule.name!r}: write name: and another one"
            )
        if metrics is not None and rule.metric is not None and rule.metric not in metrics:
            hint = did_you_mean(rule.metric, metrics)
            raise ValidationError(
                f"rules[{place}].metric: {rule.metric!r} is not among the metrics{hint}; they are "
                f"{', '.join(sorted(metrics)) or 'none'}"
            )
