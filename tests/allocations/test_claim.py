"""Two agents that act on one machine are told of each other, whatever journals they have."""

import pytest

from wca.allocations.claim import Claim
from wca.allocations.confined import control_roots


@pytest.fixture
def claims(tmp_path):
    made = [Claim([str(tmp_path)]) for _ in range(2)]
    yield made
    for claim in made:
        claim.close(0.0)


def test_the_second_one_warns(claims, caplog):
    first, second = claims
    first.start()
    assert caplog.messages == []
    second.start()
    (message,) = caplog.messages
    assert message.startswith("another agent acts on this machine")


def test_one_that_has_ended_is_not_told_of(claims, caplog):
    first, second = claims
    first.start()
    first.close(0.0)
    second.start()
    assert caplog.messages == []


def test_roots_of_control_groups_can_be_claimed_and_one_that_is_not_there_costs_nothing(caplog):
    claim = Claim([*control_roots(("cgroup", "cgroup2")), "/nowhere"])
    claim.start()  # of this machine: another agent may act, and nothing else is to be told
    claim.close(0.0)
    assert all("another agent" in message for message in caplog.messages)
