"""``StatusCheckRule``: EC2's status checks."""

from typing import Annotated, Literal, Unpack

from wca.config.types import Str
from wca.errors import ValidationError
from wca.workers.api import Rule
from wca.workers.model import Checks, Judgement, Sample, Severity, Status, WorkerState
from wca.workers.rules.fields import Periods, polls_of

__all__ = ["DEFAULT_NAME", "StatusCheckRule"]

#: The name of a rule that was given none; remediation acts on alerts of this name.
DEFAULT_NAME = "status check"

Kind = Literal["system", "instance", "ebs"]
_KINDS: tuple[Kind, ...] = ("system", "instance", "ebs")
_IMPAIRED = "impaired"
#: EC2 has not made up its mind yet.
_UNDECIDED = ("initializing", "insufficient-data")


class StatusCheckRule(Rule):
    """Fires while EC2 says that a status check of an instance is impaired.

    A check that is still initializing, or has insufficient data, says nothing. Those of an instance
    that is stopped do not apply, which ends an alert. During an event that EC2 has announced no
    alert begins.

    Args:
        kinds: which checks: ``system`` (the host), ``instance`` (the guest), ``ebs`` (attached
            volumes); all of them when left out.
        severity: of its alerts.
        name: tells it from others.
        for: how many polls in a row it must hold before it fires (1).

    Raises:
        ValidationError: there is no such check.
    """

    in_maintenance = False

    def __init__(
        self,
        kinds: list[Kind] | None = None,
        severity: Severity = Severity.CRITICAL,
        name: Annotated[str, Str(200)] = DEFAULT_NAME,
        **fields: Unpack[Periods],
    ) -> None:
        kinds = list(_KINDS) if kinds is None else kinds
        unknown = [kind for kind in kinds if kind not in _KINDS]
        if unknown or not kinds:
            got = repr(unknown[0]) if unknown else "an empty list"
            raise ValidationError(f"kinds: expected some of {', '.join(_KINDS)}, got {got}")
        self.kinds = tuple(kinds)
        self.severity = Severity(severity)
        self.name = name
        self.polls = polls_of(fields)

    def judge(self, sample: Sample, before: WorkerState | None) -> Judgement:
        """Look at the checks of the kinds."""
        del before  # how often it was so is counted elsewhere
        if not isinstance(sample.status, Status):
            return Judgement(None)
        said = {kind: _word(sample.status.checks, kind) for kind in self.kinds}
        title = sample.worker.title
        impaired = [kind for kind, word in said.items() if word == _IMPAIRED]
        if impaired:
            checks = "check is" if len(impaired) == 1 else "checks are"
            return Judgement(
                active=True,
                summary=f"the {' and '.join(impaired)} {checks} impaired on {title}",
                what=tuple(impaired),
            )
        if any(word in _UNDECIDED for word in said.values()):
            return Judgement(None)
        return Judgement(active=False, summary=f"no status check is impaired on {title}")


def _word(checks: Checks, kind: Kind) -> str:
    return {"system": checks.system, "instance": checks.instance, "ebs": checks.ebs}[kind]
