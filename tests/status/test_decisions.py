"""Anomalies and allocations with their reasons, from the records of the runners."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.runners.test_detection import contention
from wca.allocations.results import Outcome, Result
from wca.detectors.api import Evidence, Suspect, TaskData
from wca.detectors.encoding import describe, record_of
from wca.runners.allocated import record_of_result
from wca.status.decisions import MOST, Decisions

WEB = TaskData(
    name="web",
    task_id="a",
    cgroup_path="/a",
    labels={"task_name": "web"},
    resources={},
    measurements={},
)


def anomaly(**fields):
    (described,) = describe([contention("a", ("b",), **fields)], [])
    return record_of(described, {"a": WEB}, 12.0, "Detector", {"host": "h"})


def allocation(outcome=Outcome.APPLIED, reason="", why=("it waits",), value=0.5):
    result = Result("a", "cpu_quota", value, outcome, before=1.0, reason=reason)
    return record_of_result(result, WEB, 13.0, "Allocator", {"host": "h"}, why)


def kept(*records):
    decisions = Decisions()
    for record in records:
        decisions.add(record)
    json.dumps([decisions.anomalies, decisions.allocations], allow_nan=False)
    return decisions


def test_an_anomaly_with_its_evidence():
    evidence = Evidence({"waits": 0.5}, {"waits": 0.1})
    (row,) = kept(
        anomaly(verdict="cpu", evidence=evidence, suspects=[Suspect("b", 0.75, 0.5)])
    ).anomalies
    assert row.pop("sentence") == "anomaly: cpu of a; suspects b 0.75; waits 0.5 (threshold 0.1)"
    assert row == {
        "time": 12.0,
        "task_id": "a",
        "task": "web",
        "detector": "Detector",
        "verdict": "cpu",
        "resource": "cpus",
        "suspects": [{"task_id": "b", "score": 0.75, "confidence": 0.5}],
        "evidence": {"waits": 0.5},
        "thresholds": {"waits": 0.1},
    }


def test_an_allocation_with_its_reason():
    (row,) = kept(allocation()).allocations
    assert row.pop("sentence") == "cpu_quota 1 -> 0.5: applied (Allocator, because of it waits)"
    assert row == {
        "time": 13.0,
        "task_id": "a",
        "task": "web",
        "allocator": "Allocator",
        "kind": "allocation",
        "type": "cpu_quota",
        "from": 1.0,
        "to": 0.5,
        "why": ["it waits"],
        "outcome": "applied",
    }


def test_what_was_rejected_names_the_clause_and_what_failed_the_reason():
    failed, rejected = kept(
        allocation(Outcome.REJECTED, "minimum"), allocation(Outcome.FAILED, "no such file")
    ).allocations
    assert (rejected["outcome"], rejected["clause"]) == ("rejected", "minimum")
    assert "reason" not in rejected
    assert (failed["outcome"], failed["reason"]) == ("failed", "no such file")
    assert "clause" not in failed


def test_what_somebody_else_wrote_is_a_change_as_well():
    record = {
        "allocator": "A",
        "type": "foreign write",
        "time": 1.0,
        "task_id": "a",
        "kind": "changed",
        "allocation_type": "cpu_shares",
        "before": "1024",
        "ours": "512",
        "theirs": "2048",
        "outcome": "yielded",
    }
    (row,) = kept(record).allocations
    assert (row["kind"], row["from"], row["to"], row["outcome"]) == (
        "foreign write",
        "512",
        "2048",
        "yielded",
    )


def test_the_newest_come_first_and_the_oldest_make_room():
    decisions = kept(*({**anomaly(), "time": float(n)} for n in range(MOST + 10)))
    assert [row["time"] for row in decisions.anomalies] == [
        float(n) for n in range(MOST + 9, 9, -1)
    ]


def test_who_reads_while_one_comes_has_what_there_was():
    decisions = kept(anomaly())
    before = decisions.anomalies
    decisions.add(anomaly())
    assert (len(before), len(decisions.anomalies)) == (1, 2)


def test_a_row_is_bounded_however_much_there_is():
    evidence = Evidence({f"{n}" * 1000: float(n) for n in range(1000)})
    suspects = [Suspect(f"{n}" * 1000, 1.0, 1.0) for n in range(1000)]
    (row,) = kept(anomaly(verdict="v" * 10_000, evidence=evidence, suspects=suspects)).anomalies
    assert len(json.dumps(row)) < 20_000


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "allocator",
                "type",
                "time",
                "task_id",
                "why",
                "from",
                "suspects",
                "evidence",
                "outcome",
            ]
        ),
        st.recursive(
            st.none() | st.floats() | st.text() | st.builds(object),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=5,
        ),
    )
)
def test_whatever_a_plugin_says_can_be_shown(record):
    kept(record)
