"""``NoDataRule``: a metric that does not come in any more."""

from typing import Annotated

from wca.config.types import Numeric, Str
from wca.workers.api import Rule
from wca.workers.model import (
    InstanceState,
    Judgement,
    Sample,
    Severity,
    Status,
    Verdict,
    WorkerState,
)
from wca.workers.rules.fields import RuleName, polls_of

__all__ = ["NoDataRule"]

_SILENT = {Verdict.NO_DATA: "no data", Verdict.STALE: "only old data"}
_HEARD = (Verdict.VALUE, Verdict.ZERO)


class NoDataRule(Rule):
    """Fires when a running worker has had no data of a metric for several polls in a row.

    What CloudWatch has refused to tell (throttled, failed) does not count as no data, zero is data,
    and a newest point that is older than it should be is none. Alerts of an instance that is
    stopped are resolved. It counts polls, since what does not come has no time.

    Args:
        metric: which one, by the name it has among the metrics that are read.
        after: how many polls in a row without data.
        severity: of its alerts.
        name: tells it from others (such as ``no data of memory``).
    """

    while_stopped = False

    def __init__(
        self,
        metric: Annotated[str, Str(200)],
        after: Annotated[int, Numeric(1, 1000)] = 3,
        severity: Severity = Severity.INFO,
        name: RuleName | None = None,
    ) -> None:
        self.metric: str = metric
        self.polls = polls_of({"for": after})
        self.severity = Severity(severity)
        self.name = name or f"no data of {metric}"

    def judge(self, sample: Sample, before: WorkerState | None) -> Judgement:
        """Look at the verdict of the reading."""
        del before  # how often it was so is counted elsewhere
        status, reading = sample.status, sample.readings.get(self.metric)
        runs = isinstance(status, Status) and status.state is InstanceState.RUNNING
        if reading is None or not runs:
            return Judgement(None)
        said = f"{self.metric} of {sample.worker.title}"
        if reading.verdict in _SILENT:
            return Judgement(active=True, summary=f"there is {_SILENT[reading.verdict]} of {said}")
        if reading.verdict in _HEARD:
            return Judgement(
                active=False, summary=f"there is data of {said} again", value=reading.value
            )
        return Judgement(None)
