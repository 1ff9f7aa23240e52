"""What was found and decided last, as the page is told of it: a bounded number of each."""

from collections.abc import Mapping, Sequence
from typing import Any

from wca.audit.sentences import id_of, name_of, plain, sentence_of
from wca.detectors.encoding import plain_record

__all__ = ["MOST", "Decisions", "allocation_row", "anomaly_row"]

Record = Mapping[str, Any]

#: Rows of each kind that are kept.
MOST = 100
#: Letters of a text, and entries of a list or of evidence, that a row has room for.
_WIDE, _MANY = 300, 20
_NOTHING: Sequence[object] = (None, "", [], {})


class Decisions:
    """Takes the records of a runner; those who ask get the newest first, from any thread."""

    def __init__(self) -> None:
        # Never changed, only replaced.
        self.anomalies: Sequence[Record] = ()
        self.allocations: Sequence[Record] = ()

    def add(self, record: Record) -> None:
        """Take one; called by one thread at a time."""
        record = plain_record(record)
        if "allocator" in record:
            self.allocations = (allocation_row(record), *self.allocations[: MOST - 1])
        else:
            self.anomalies = (anomaly_row(record), *self.anomalies[: MOST - 1])


def anomaly_row(record: Record) -> Record:
    """What the page is told of an anomaly; what is not known is left out.

    Args:
        record: as ``record_of`` makes it, plain.
    """
    return _row(
        record,
        detector=record.get("detector"),
        verdict=record.get("verdict") or record.get("resource") or record.get("type"),
        resource=record.get("resource"),
        suspects=record.get("suspects"),
        evidence=record.get("evidence"),
        thresholds=record.get("thresholds"),
    )


def allocation_row(record: Record) -> Record:
    """What the page is told of what was allocated, given back, or written by somebody else.

    Args:
        record: as ``record_of_result`` and its kin make it, plain.
    """
    rejected = record.get("outcome") == "rejected"
    foreign = record.get("type") == "foreign write"
    return _row(
        record,
        allocator=record.get("allocator"),
        kind=record.get("type"),
        type=record.get("allocation_type"),
        **{"from": record.get("ours" if foreign else "from")},
        to=record.get("theirs" if foreign else "to"),
        why=record.get("why"),
        outcome=record.get("outcome"),
        clause=record.get("reason") if rejected else None,
        reason=None if rejected else record.get("reason"),
    )


def _row(record: Record, **told: object) -> Record:
    row = {
        "time": record.get("time"),
        "task_id": id_of(record),
        "task": name_of(record),
        **told,
        "sentence": sentence_of(record),
    }
    return {name: _bounded(one) for name, one in row.items() if one not in _NOTHING}


def _bounded(value: Any) -> Any:
    """As much of a value as a row has room for."""
    if isinstance(value, str):
        return plain(value, _WIDE)
    if isinstance(value, list):
        return [_bounded(one) for one in value[:_MANY]]
    if isinstance(value, dict):
        few = list(value.items())[:_MANY]
        return {plain(name, _WIDE): _bounded(one) for name, one in few}
    return value
