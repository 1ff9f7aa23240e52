"""States and status checks, a hundred instances at a time."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from wca.workers.aws.apis import DESCRIBE_INSTANCE_STATUS
from wca.workers.aws.batches import MOST_IDS, batches_of, halves_of
from wca.workers.aws.calls import Calls
from wca.workers.aws.errors import AwsError, place
from wca.workers.model import (
    Checks,
    Gone,
    InstanceState,
    ScheduledEvent,
    Shard,
    Status,
    StatusAnswer,
)

__all__ = ["StatusReader", "named_ids", "status_of"]

_ID = re.compile(r"i-(?:[0-9a-f]{8}|[0-9a-f]{17})")
_WORD = re.compile(r"[\w-]+")
#: Calls that one batch may cost when EC2 refuses it and does not say because of which ids:
#: enough to find four bad ids among a hundred.
_MOST_CALLS = 50
#: Codes that are about some of the ids; the first says that there are no such instances.
_UNKNOWN_IDS, _BAD_VALUE = "InvalidInstanceID", "InvalidParameterValue"
#: How the description of an event begins that is over.
_OVER = ("[Completed]", "[Canceled]")


class StatusReader:
    """Asks EC2 for the states of instances.

    Args:
        calls: makes the calls.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def read(self, shard: Shard, instance_ids: Sequence[str]) -> StatusAnswer:
        """The states of instances, of those at least that could be asked.

        Raises:
            AwsError: none could be asked.
        """
        ids = list(dict.fromkeys(instance_ids))
        malformed = [id_ for id_ in ids if not _ID.fullmatch(id_)]
        found: dict[str, Status | Gone] = {id_: Gone(id_) for id_ in malformed}
        problems = [f"{place(shard)}: {id_!r} is not the id of an instance" for id_ in malformed]
        batches = batches_of([id_ for id_ in ids if id_ not in found], MOST_IDS)
        outcomes = self._calls.each(lambda batch: _Batch(self._calls, shard).ask(batch), batches)
        failed = [outcome for outcome in outcomes if isinstance(outcome, AwsError)]
        if failed and len(failed) == len(outcomes):
            raise failed[0]
        for outcome in outcomes:
            if not isinstance(outcome, AwsError):
                found.update(outcome.by_id)
                problems += outcome.problems
        problems += [str(error) for error in failed]
        return StatusAnswer(found, tuple(dict.fromkeys(problems)))


class _Batch:
    """One batch, and what becomes of it when EC2 refuses it for some of its ids."""

    def __init__(self, calls: Calls, shard: Shard) -> None:
        self._calls = calls
        self._shard = shard
        self._left = _MOST_CALLS
        self._found: dict[str, Status | Gone] = {}
        self._problems: list[str] = []

    def ask(self, ids: Sequence[str]) -> StatusAnswer:
        """Ask for all; raises AwsError when EC2 does not answer."""
        self._ask(ids)
        return StatusAnswer(self._found, tuple(self._problems))

    def _ask(self, ids: Sequence[str]) -> None:
        if not ids:
            return
        self._left -= 1
        try:
            self._take(
                self._calls.call(
                    self._shard,
                    DESCRIBE_INSTANCE_STATUS,
                    InstanceIds=list(ids),
                    IncludeAllInstances=True,
                )
            )
        except AwsError as error:
            if not error.code.startswith((_UNKNOWN_IDS, _BAD_VALUE)):
                raise
            self._without_the_bad(ids, error)

    def _without_the_bad(self, ids: Sequence[str], error: AwsError) -> None:
        unknown = error.code.startswith(_UNKNOWN_IDS)
        gone = named_ids(error.told, ids) if unknown else set()
        if unknown and len(ids) == 1:
            gone = set(ids)
        self._found.update({id_: Gone(id_) for id_ in gone})
        rest = [id_ for id_ in ids if id_ not in gone]
        if rest and (len(ids) == 1 or self._left < 2):
            self._problems.append(f"{error}; instances that are left out: {', '.join(rest)}")
        elif gone:
            self._ask(rest)
        else:
            for half in halves_of(ids):
                self._ask(half)

    def _take(self, answer: Mapping[str, Any]) -> None:
        for item in answer.get("InstanceStatuses", ()):
            status = status_of(item)
            self._found[status.instance_id] = status


def named_ids(message: str, ids: Sequence[str]) -> set[str]:
    """Those of the ids that an error of EC2 names, as ``The instance IDs 'i-1, i-2' do not exist``.

    Args:
        message: of the error.
        ids: which were asked for.
    """
    return set(_WORD.findall(message)) & set(ids)


def status_of(item: Mapping[str, Any]) -> Status:
    """An instance of the answer of DescribeInstanceStatus."""
    return Status(
        instance_id=item["InstanceId"],
        state=_state(item.get("InstanceState", {}).get("Name", "")),
        checks=Checks(
            system=_check(item, "SystemStatus"),
            instance=_check(item, "InstanceStatus"),
            ebs=_check(item, "AttachedEbsStatus"),
        ),
        events=tuple(
            _event(event)
            for event in item.get("Events", ())
            if not event.get("Description", "").startswith(_OVER)
        ),
    )


def _state(name: str) -> InstanceState:
    return InstanceState(name) if name in set(InstanceState) else InstanceState.UNKNOWN


def _check(item: Mapping[str, Any], which: str) -> str:
    return str(item.get(which, {}).get("Status", ""))


def _event(event: Mapping[str, Any]) -> ScheduledEvent:
    return ScheduledEvent(
        id=event.get("InstanceEventId", ""),
        code=event.get("Code", ""),
        description=event.get("Description", ""),
        not_before=_seconds(event.get("NotBefore")),
        not_after=_seconds(event.get("NotAfter")),
    )


def _seconds(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp()
