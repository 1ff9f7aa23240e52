"""Whatever a plugin asks for costs that request only, and can be told, written and counted."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.allocations.acting import Acting, Group
from tests.allocations.kernel_stand_in import Kernel
from wca.allocations.encoding import shown, tellable
from wca.allocators import AllocationType
from wca.allocators.api import EVENTS
from wca.detectors import TaskData
from wca.detectors.encoding import record_line
from wca.runners.allocated import metrics_of_requests, record_of_result

T = AllocationType
FILES = {
    "cpu": {
        "cpu.shares": "512",
        "cpu.idle": "0",
        "cpu.cfs_period_us": "100000",
        "cpu.cfs_quota_us": "-1",
        "cpu.cfs_burst_us": "0",
    },
    "cpuset": {"cpuset.cpus": "0-1", "cpuset.mems": "0"},
    "memory": {"memory.limit_in_bytes": "9223372036854771712"},
    "pids": {"pids.max": "max"},
}


class Odd:
    """Nothing can be asked of it."""

    def __repr__(self):
        raise RuntimeError("no")

    __eq__ = __hash__ = __str__ = __repr__


ODD = [
    10**400,
    -(10**400),
    10**5000,
    [10**5000],
    [[10**5000]],
    {"a"},
    {0: 10**5000},
    "\ud800",
    "é",
    "0-99999999",
    "9" * 5000,
    float("nan"),
    float("inf"),
    b"\xff",
    None,
    Odd(),
    [Odd()],
]


def acting():
    kernel = Kernel()
    for controller, files in FILES.items():
        kernel.put(f"/cg/{controller}/t", files)
    made = Acting(lambda path: Group(path, 1), files=kernel)
    made.tasks = {"t": TaskData("t", "t", "/t")}
    return made


@pytest.mark.parametrize("value", ODD, ids=range(len(ODD)))
def test_an_odd_value_costs_its_request_and_can_be_told(value):
    for type_ in [one for one in T if one is not T.PIDS_MAX] + ["no such type", "\ud800"]:
        results = acting().results({"t": {type_: value, T.PIDS_MAX: 50}})
        for one in results:
            assert len(one.reason) < 200
            record_line(record_of_result(one, None, 1.0, "a", {}, [])).encode()
            f"{one.value!r} {one.task_id} {one.reason}".encode()
        metrics_of_requests(results)
        # Some text is a reason for a kill, and some a number of bytes.
        outcomes = [str(one.outcome) for one in results]
        assert outcomes[1] == "applied"
        assert outcomes[0] == "failed" or type_ in EVENTS, type_


def test_a_task_that_nobody_can_spell_is_none():
    (one,) = acting().results({"\ud800": {T.QUOTA: 1}})
    assert (one.reason, one.task_id) == ("there is no such task", "\\ud800")


ANYTHING = st.recursive(
    st.none() | st.integers() | st.floats() | st.text() | st.binary() | st.builds(lambda: 10**5000),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
)


@given(ANYTHING)
def test_anything_can_be_shown(value):
    assert len(shown(value).encode("utf-8", "backslashreplace")) < 300
    json.dumps(tellable(value)).encode()
    str(tellable(value)).encode()
