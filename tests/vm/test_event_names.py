"""Names of perf events on a kernel that has a PMU: found, encoded, and counted as what they are."""

import json

import pytest

from tests.vm.guest import guest_script

pytestmark = pytest.mark.vm

# The emulator's rates for each microsecond: cycles, and any other event by its low byte.
CYCLES = 2000


@pytest.fixture(scope="module")
def found(vm):
    done = vm(guest_script("event_names.py"), pmu=True, timeout=60)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_the_processor_is_found_and_its_pmu_understood(found):
    assert found["family"] == "x86/icelakex"
    assert {"event", "umask", "cmask", "inv"} <= set(found["formats"])


def test_every_event_that_the_kernel_names_can_be_encoded(found):
    for pmu, events in found["pmus"].items():
        for name, config in events.items():
            assert isinstance(config, int), f"{pmu}/{name}/: {config}"


@pytest.mark.parametrize(
    ("metric", "code"),
    [
        ("task_mem_inst_retired_loads", 0x81D0),
        ("task_offcore_requests_demand_data_rd", 0x01B0),
        ("task_mem_load_retired_local_dram", 0x01D3),
        ("replacements", 0x0151),
        ("task_branch_instructions", 0x00C4),
    ],
)
def test_an_event_of_each_kind_of_name_is_counted_as_what_it_is(found, metric, code):
    config, rate = found["rates"][metric]
    assert config == code
    assert rate == pytest.approx((1 + (code & 0xFF)) / CYCLES, rel=0.05)


def test_a_machine_without_memory_controllers_says_what_it_has(found):
    assert "there is no PMU uncore_imc here" in found["reason"]
    assert "cpu" in found["reason"]
    assert "msr" in found["reason"]


def test_a_pmu_of_the_whole_machine_counts(found):
    first, second, third = found["stamps"]
    assert 0 < first < second < third
