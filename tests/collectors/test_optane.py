"""What the collector makes of what ipmctl tells of Optane modules."""

import pytest

from tests.linux.ipmctl_text import NO_REGIONS, REGIONS, TABLE, VERSION_1, modules
from wca.collectors import NotAvailable
from wca.collectors.node_optane import NodeOptaneCollector
from wca.linux import ipmctl
from wca.metrics import CATALOGUE

READ = "platform_nvdimm_read_bandwidth_bytes_per_second"
WRITE = "platform_nvdimm_write_bandwidth_bytes_per_second"


def measure(**answers):
    """The numbers, where ipmctl answers so; what has no answer fails."""
    by_question = {getattr(ipmctl, name.upper()): text for name, text in answers.items()}

    def run(arguments):
        if arguments not in by_question:
            raise NotAvailable("ipmctl failed: Invalid or unexpected token")
        return by_question[arguments]

    probe = NodeOptaneCollector(run=run).attach(None)
    out = {}
    probe.read(out)
    probe.close()
    return out


def test_two_sockets_with_a_region_each():
    measured = measure(memory=VERSION_1, modules=modules(), regions=REGIONS)
    assert measured == {
        "platform_mem_mode_size_bytes": 107374182400,
        "platform_capacity_per_nvdimm_bytes": 100_000_000_000,
        "platform_avg_power_per_nvdimm_watts": 15.0,
        READ: pytest.approx({"0": 13.6e9, "1": 13.6e9}),
        WRITE: pytest.approx({"0": 3.7e9, "1": 3.7e9}),
    }
    assert set(NodeOptaneCollector.emits) == measured.keys() <= CATALOGUE.keys()


def test_a_later_version_calls_the_power_a_limit_and_prints_a_table():
    later = modules(key="AvgPowerLimit", power="18000 mW", capacity="541165879296 B")
    measured = measure(memory=TABLE, modules_2=later, regions=NO_REGIONS)
    assert measured["platform_mem_mode_size_bytes"] == 2173253451776
    assert measured["platform_avg_power_per_nvdimm_watts"] == 18.0
    assert measured[READ] == pytest.approx({"0": 2 * 7.8e9, "1": 2 * 7.8e9})


def test_only_the_modules_of_regions_count_where_a_socket_has_one():
    region = REGIONS.replace("DimmID=0x0001, 0x0101", "DimmID=0x0001").split("---ISetID=0x4e66")[0]
    measured = measure(memory=VERSION_1, modules=modules(), regions=region)
    assert measured[READ] == pytest.approx({"0": 6.8e9, "1": 13.6e9})


def test_two_regions_of_a_socket_are_added_up():
    ids = {0: ("0x0001", "0x0101", "0x0201", "0x0301")}
    regions = REGIONS.replace("SocketID=0x0001", "SocketID=0x0000")
    regions = regions.replace("0x1001, 0x1101", "0x0201, 0x0301")
    measured = measure(memory=VERSION_1, modules=modules(ids=ids), regions=regions)
    assert measured[WRITE] == pytest.approx({"0": 4 * 1.85e9})


def test_modules_that_differ_have_no_common_number_and_their_own_bandwidths():
    mixed = modules(ids={0: ("0x0001",)}) + modules("270000000000 B", ids={0: ("0x0101",)})
    measured = measure(memory=VERSION_1, modules=mixed, regions=NO_REGIONS)
    assert "platform_capacity_per_nvdimm_bytes" not in measured
    assert measured[WRITE] == pytest.approx({"0": (1.85 + 2.3) * 1e9})


def test_a_sum_of_which_one_part_is_not_known_is_absent():
    mixed = modules(ids={0: ("0x0001", "0x0101"), 1: ("0x1001",)})
    mixed += modules(power="9000 mW", ids={1: ("0x1101",)})
    measured = measure(memory=VERSION_1, modules=mixed, regions=REGIONS)
    assert measured[READ].keys() == {"0"}
    assert "platform_avg_power_per_nvdimm_watts" not in measured


def test_what_ipmctl_cannot_tell_costs_its_own_numbers_only():
    measured = measure(modules=modules())
    assert measured.keys() == {
        "platform_capacity_per_nvdimm_bytes",
        "platform_avg_power_per_nvdimm_watts",
    }


def test_a_machine_without_such_modules_is_not_available():
    with pytest.raises(NotAvailable, match="ipmctl tells of no module"):
        measure(modules="No PMem modules in the system.\n")
    with pytest.raises(NotAvailable, match="ipmctl failed"):
        measure()


def test_it_is_asked_once_and_on_a_thread_of_its_own():
    asked = []

    def run(arguments):
        asked.append(arguments)
        return {ipmctl.MODULES: modules(), ipmctl.REGIONS: REGIONS}.get(arguments, VERSION_1)

    collector = NodeOptaneCollector(run=run)
    probe = collector.attach(None)
    for _ in range(3):
        probe.read({})
    assert sorted(asked) == sorted([ipmctl.MODULES, ipmctl.MEMORY, ipmctl.REGIONS])
    assert (collector.scope, collector.blocking, collector.interval) == ("node", True, 3600)
