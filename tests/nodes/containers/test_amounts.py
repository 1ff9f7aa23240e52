"""From what a runtime gives the kernel to what was asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.nodes.container_client.amounts import asked_for, cores_of_quota, cores_of_shares


@given(st.integers(3, 1_000_000))
def test_shares_are_read_back_to_the_thousandth(thousandths):
    shares = thousandths * 1024 // 1000  # as the kubelet does
    assert cores_of_shares(shares) == (thousandths / 1000 if shares > 2 else None)


@pytest.mark.parametrize("shares", [0, 1, 2, -5])
def test_the_least_shares_are_no_request(shares):
    assert cores_of_shares(shares) is None


@pytest.mark.parametrize(
    ("quota", "period", "cores"),
    [
        (50000, 100000, 0.5),
        (50000, 20000, 2.5),
        (50000, 0, 0.5),
        (0, 100000, None),
        (-1, 100000, None),
    ],
)
def test_a_quota_in_its_period_is_cores(quota, period, cores):
    assert cores_of_quota(quota, period) == cores


def test_what_was_not_asked_for_is_absent():
    assert asked_for() == {}


@pytest.mark.parametrize("limit", [0, -1, 9223372036854771712, (1 << 63) - 1])
def test_no_limit_of_memory_is_absent(limit):
    assert asked_for(memory_limit=limit) == {}


def test_a_request_is_what_was_asked_for_and_a_limit_alone_is_one_too():
    both = asked_for(cpu_request=0.5, cpu_limit=1, memory_request=5, memory_limit=9)
    assert (both["cpus"], both["mem"]) == (0.5, 5)
    alone = asked_for(cpu_limit=1, memory_limit=9)
    assert (alone["cpus"], alone["mem"]) == (1, 9)
    assert "requests_cpu" not in alone
    assert "requests_memory" not in alone
