"""Values that no machine could be given are refused before the agent starts."""

import pytest

from wca.allocations.envelope import Envelope
from wca.allocations.usable import value_problem
from wca.allocators import AllocationConfiguration, AllocationType, StaticAllocator
from wca.errors import ValidationError
from wca.nodes import StaticNode
from wca.runners import AllocationRunner

T = AllocationType
BAD = [
    (T.QUOTA, 5, "expected a number from 0 to 1, got 5"),
    (T.QUOTA, 10**400, "expected a number from 0 to 1, got a number of 1329 bits"),
    (T.CPUSET_CPUS, "banana", "expected a list of numbers"),
    (T.CPU_WEIGHT, 0, "expected a whole number from 1 to 10000, got 0"),
    (T.MEMORY_MAX, "lots", "expected a whole number from 0"),
    (T.CPU_IDLE, 7, "expected a whole number from 0 to 1, got 7"),
]


@pytest.mark.parametrize(("type_", "value", "sentence"), BAD)
def test_a_value_that_no_kernel_takes_has_a_problem(type_, value, sentence):
    assert value_problem(type_, value).startswith(sentence)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (T.QUOTA, 0.5),
        (T.CPUSET_CPUS, "0-500"),
        (T.CPUSET_MEMORY_MIGRATE, 1),
        (T.MEMORY_LOW, "max"),
        (T.RDT, None),
    ],
)
def test_what_some_machine_takes_has_none(type_, value):
    assert value_problem(type_, value) == ""


def runner(allocator, **options):
    return AllocationRunner(node=StaticNode(tasks=["a"]), allocator=allocator, **options)


@pytest.mark.parametrize(("type_", "value", "sentence"), BAD)
def test_a_rule_that_can_never_be_applied_is_refused_where_it_stands(type_, value, sentence):
    rules = [{"allocations": {"pids_max": 50}}, {"allocations": {str(type_): value}}]
    with pytest.raises(ValidationError) as refused:
        runner(StaticAllocator(rules))
    assert f"allocator: rules[1].allocations.{type_}: {sentence}" in str(refused.value)


def test_shares_are_held_against_the_unit_of_the_file():
    rules = [{"allocations": {"cpu_shares": 100}}]
    runner(StaticAllocator(rules))
    with pytest.raises(ValidationError, match="expected a number from 0 to 2"):
        runner(
            StaticAllocator(rules),
            allocation_configuration=AllocationConfiguration(cpu_shares_unit=100_000),
        )


def test_the_rules_of_a_file_are_problems_of_the_check(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text("- allocations: {cpu_quota: 5}")
    made = runner(StaticAllocator(config=str(path)), envelope=Envelope())
    assert any("rules.yaml[0].allocations.cpu_quota: expected" in one for one in made.check())
    path.write_text("- [")
    assert not any("cpu_quota" in one for one in made.check())
