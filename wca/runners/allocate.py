"""The stage that does what an allocator asks for, as far as it may."""

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from wca.allocations.answers import AllocationAnswer
from wca.allocations.api import JournalError
from wca.allocations.groups import Groups
from wca.allocations.in_force import InForce
from wca.allocations.lease import Lease
from wca.allocations.performer import Performer
from wca.allocations.results import Outcome, Result
from wca.audit.audit import Audit
from wca.detectors.api import ContentionAnomaly
from wca.metrics import Metric
from wca.runners.allocated import (
    metrics_in_force,
    metrics_of_foreign_writes,
    metrics_of_losses,
    metrics_of_requests,
    record_of_foreign_write,
    record_of_result,
    record_of_undone,
)
from wca.runners.asking import Said
from wca.runners.columns import Columns, catalogued
from wca.runners.detect import Detect
from wca.runners.stages import Sample
from wca.runners.views import View
from wca.telemetry import Telemetry

__all__ = ["Allocate"]

_ERRORS = "allocations"


class Allocate:
    """Fills ``allocations`` of the sample; runs after the stage that asks.

    Args:
        detect: has asked the allocator.
        performer: does what it asks for.
        lease: how long that lasts.
        groups: forgets tasks that are gone.
        in_force: likewise, and is told which tasks something is done to.
        telemetry: where failures are reported, as ``allocations``.
        labels: of every metric; they win over a task's own.
        name: of the allocator.
        audit: takes a record of each result that is new; None: nobody does.
        metrics_apart: whether the allocator's own metrics go nowhere else.
    """

    name = "allocation"

    def __init__(
        self,
        detect: Detect,
        performer: Performer,
        lease: Lease,
        groups: Groups,
        in_force: InForce,
        telemetry: Telemetry,
        labels: Mapping[str, str],
        name: str,
        *,
        audit: Audit | None = None,
        metrics_apart: bool = True,
    ) -> None:
        self._detect = detect
        self._performer = performer
        self._lease = lease
        self._groups = groups
        self._in_force = in_force
        self._touched: frozenset[str] = frozenset()
        self._telemetry = telemetry
        self._labels = dict(labels)
        self._allocator = name
        self._audit = audit or Audit()
        self._metrics_apart = metrics_apart
        self._columns = Columns()
        self._last: dict[tuple[str, str], str] = {}
        self._seen: View | None = None
        self._total = self._errors = 0
        self._foreign: Counter[tuple[str, str]] = Counter()

    def run(self, sample: Sample) -> None:
        """Do what was asked for last, to the tasks that there are now."""
        view, said = self._detect.view, self._detect.said
        answer = None if said is None else said.answer
        asked = answer.allocations if isinstance(answer, AllocationAnswer) else None
        held = self._check(asked)
        if view is None:
            return
        self._seen = view
        self._groups.keep(
            {
                path
                for task in view.tasks.values()
                for path in (task.cgroup_path, *task.subcgroups_paths)
            }
        )
        results = self._performer.perform(asked, view.tasks, sample.monotonic, held)
        self._in_force.keep(view.tasks, self._acted_on(results))
        self._look_at_others(view)
        self._report(results)
        self._record(results, view, said)
        self._export(results, view, said, sample)

    def close(self, timeout: float) -> None:
        """Give everything back, and tell of it; safe twice."""
        self._lease.close(timeout)
        if self._seen is not None:
            self._tell_what_was_given_back(self._seen)

    def _check(self, asked: Mapping[str, Mapping[Any, Any]] | None) -> str:
        """Renew the lease or undo, whatever came before; why nothing may be written now."""
        named = {(task_id, str(type_)) for task_id, one in (asked or {}).items() for type_ in one}
        try:
            return self._lease.check(None if asked is None else named)
        except JournalError as error:
            self._telemetry.failure(_ERRORS, f"the journal cannot be used: {error}")
            return "journal"

    def _acted_on(self, results: Sequence[Result]) -> frozenset[str]:
        """Tasks with values of ours now or in the interval before, or with writes that failed."""
        tried = frozenset(one.task_id for one in results if one.writes)
        before, self._touched = self._touched, tried
        # A journal that cannot be read was reported just now.
        with contextlib.suppress(JournalError):
            self._touched |= self._lease.tasks
        return before | self._touched

    def _look_at_others(self, view: View) -> None:
        """Count and record what somebody else has written, and what was given back."""
        about = view.tasks, view.platform.timestamp, self._allocator, self._labels
        for one in self._performer.foreign_writes:
            self._foreign[one.entry.type, one.kind.value] += 1
            self._audit.add(record_of_foreign_write(one, *about))
        self._tell_what_was_given_back(view)

    def _tell_what_was_given_back(self, view: View) -> None:
        about = view.tasks, view.platform.timestamp, self._allocator, self._labels
        for undone in self._lease.given_back():
            self._audit.add(record_of_undone(undone, *about))

    def _report(self, results: Sequence[Result]) -> None:
        self._total += sum(one.outcome is Outcome.APPLIED for one in results)
        failed = [one for one in results if one.outcome is Outcome.FAILED]
        self._errors += len(failed)
        if failed:
            first = failed[0]
            more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
            told = f"{first.type} of task {first.task_id}: {first.reason}{more}"
            self._telemetry.failure(_ERRORS, told)
        elif results:
            self._telemetry.success(_ERRORS)

    def _record(self, results: Sequence[Result], view: View, said: Said | None) -> None:
        """What is new: of what goes on as it was there is a record already."""
        before, self._last = self._last, {}
        for one in results:
            key = (one.task_id, one.type)
            self._last[key] = f"{one.outcome} {one.reason} {one.value!r}"
            told = one.outcome is Outcome.APPLIED or before.get(key) != self._last[key]
            if one.outcome is Outcome.UNCHANGED or not told:
                continue
            self._audit.add(
                record_of_result(
                    one,
                    view.tasks.get(one.task_id),
                    view.platform.timestamp,
                    self._allocator,
                    self._labels,
                    _why(said, one),
                )
            )

    def _export(
        self, results: Sequence[Result], view: View, said: Said | None, sample: Sample
    ) -> None:
        metrics = [
            *metrics_in_force(view.tasks, results),
            *metrics_of_requests(results),
            *metrics_of_foreign_writes(self._foreign),
            *metrics_of_losses(self._audit.dropped),
            *self._statistics(results, said),
        ]
        if said is not None and self._metrics_apart:
            metrics += said.answer.metrics
        sample.allocations.common = self._labels
        self._columns.add(metrics, self._labels, sample.allocations)

    def _statistics(self, results: Sequence[Result], said: Said | None) -> list[Metric]:
        values: dict[str, float] = {
            "allocations_count": sum(one.outcome is Outcome.APPLIED for one in results),
            "allocations_total": self._total,
            "allocations_errors": self._errors,
            "allocations_undone": self._lease.undone,
            "allocations_held": int(self._lease.held),
            "allocations_yielded": self._performer.yielded,
        }
        try:
            values["allocations_in_force"] = self._lease.count
        except JournalError:
            values.pop("allocations_in_force", None)
        if said is not None:
            values["allocation_duration"] = said.seconds
        return [catalogued(name, value) for name, value in values.items()]


def _why(said: Said | None, result: Result) -> list[str]:
    """The allocator's reason, and the verdicts of the anomalies that it reported along with it."""
    if said is None:
        return []
    answer = said.answer
    reasons = answer.reasons if isinstance(answer, AllocationAnswer) else {}
    reason = reasons.get((result.task_id, result.type))
    verdicts = [
        f"{one.verdict or one.resource}: {one.contended_task_id or 'the machine'}"
        for one in answer.anomalies
        if isinstance(one, ContentionAnomaly)
    ]
    return verdicts if reason is None else [reason, *verdicts]
