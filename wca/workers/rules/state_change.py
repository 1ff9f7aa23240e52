"""``StateChangeRule``: an instance that went from one state to another."""

from typing import Annotated, Required, TypedDict, Unpack

from wca.config.types import Str
from wca.errors import ValidationError
from wca.workers.api import Rule
from wca.workers.model import Gone, InstanceState, Judgement, Sample, Severity, WorkerState
from wca.workers.rules.fields import RuleName, unknown_fields

__all__ = ["StateChangeRule"]

#: States that only lead to another one, and that one.
_LEADS_TO = {
    InstanceState.STOPPING: InstanceState.STOPPED,
    InstanceState.SHUTTING_DOWN: InstanceState.TERMINATED,
}

#: ``from`` is a word of Python, so that no constructor can have it as a parameter.
_Change = TypedDict(
    "_Change",
    {
        "from": Required[InstanceState | list[InstanceState]],
        "to": Required[InstanceState | list[InstanceState]],
    },
)


class StateChangeRule(Rule):
    """Fires when an instance has gone from one state to another; over once it has left that.

    A state that only leads to another one is that already: ``stopping`` is ``stopped``,
    ``shutting-down`` is ``terminated``, and so is an instance that EC2 does not know any more. The
    first poll of a worker is no change; one that happened while the agent was away is. An alert of
    a worker that is not watched any more is over an hour after it has fired.

    Args:
        from: the state or states it was in.
        to: the state or states it went to.
        unless_tag: name of a tag of the instance; with it, whatever its value, the change was
            expected.
        severity: of its alerts.
        name: tells it from others (such as ``running to stopped``).

    Raises:
        ValidationError: a state is both, or none is given.
    """

    polls = 1
    outlives = True

    def __init__(
        self,
        unless_tag: Annotated[str, Str(128)] | None = None,
        severity: Severity = Severity.WARNING,
        name: RuleName | None = None,
        **change: Unpack[_Change],
    ) -> None:
        unknown_fields(change, {"from", "to"})
        self.before = _states("from", change["from"])
        self.after = _states("to", change["to"])
        both = sorted({_settled(state) for state in self.after} & set(self.before))
        if both:
            raise ValidationError(f"to: {both[0]} is among from as well, remove one of them")
        self.unless_tag = unless_tag
        self.severity = Severity(severity)
        self.name = name or f"{'/'.join(self.before)} to {'/'.join(self.after)}"

    def judge(self, sample: Sample, before: WorkerState | None) -> Judgement:
        """Compare the state with that of the poll before."""
        if sample.status is None:
            return Judgement(None)
        gone = isinstance(sample.status, Gone)
        now = InstanceState.TERMINATED if isinstance(sample.status, Gone) else sample.status.state
        title = sample.worker.title
        if now is InstanceState.UNKNOWN:
            return Judgement(None)
        if _settled(now) not in {_settled(state) for state in self.after}:
            return Judgement(active=False, summary=f"{title} is {now}")
        if self.unless_tag is not None and self.unless_tag in sample.worker.tags:
            return Judgement(
                active=False, summary=f"{title} is {now}, as its tag {self.unless_tag} says"
            )
        if before is not None and before.state in self.before:
            what = "unknown to EC2 now" if gone else f"{now} now"
            return Judgement(active=True, summary=f"{title} was {before.state} and is {what}")
        return Judgement(None)


def _settled(state: InstanceState) -> InstanceState:
    return _LEADS_TO.get(state, state)


def _states(field: str, states: InstanceState | list[InstanceState]) -> tuple[InstanceState, ...]:
    try:
        made = tuple(map(InstanceState, [states] if isinstance(states, str) else states))
    except ValueError as error:
        raise ValidationError(f"{field}: {error}; write {', '.join(InstanceState)}") from None
    if not made:
        raise ValidationError(f"{field}: expected at least one state, got an empty list")
    return made
