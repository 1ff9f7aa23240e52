"""What the collector makes of the memory modules."""

import pytest

from tests.linux.dmidecode_text import ARRAY, EMPTY, GIB, device
from wca.collectors import NotAvailable
from wca.collectors.node_memory_hardware import NodeMemoryHardwareCollector
from wca.errors import StartError
from wca.metrics import CATALOGUE


def measure(text):
    probe = NodeMemoryHardwareCollector(run=lambda: text).attach(None)
    out = {}
    probe.read(out)
    probe.close()
    return out


def absent():
    raise NotAvailable("dmidecode is not installed")


def test_modules_of_a_server_by_type():
    text = ARRAY + device() * 12 + EMPTY * 2
    text += device("252 GB", Type_Detail="Synchronous Non-Volatile LRDIMM") * 4
    measured = measure(text)
    assert measured == {
        "platform_dimm_count": {"ram": 12, "nvm": 4},
        "platform_dimm_total_size_bytes": {"ram": 12 * 16 * GIB, "nvm": 4 * 252 * GIB},
        "platform_dimm_speed_bytes_per_second": 12 * 2933e6 * 8,
    }
    assert measured.keys() <= CATALOGUE.keys()
    assert set(NodeMemoryHardwareCollector.emits) == measured.keys()


def test_modules_of_different_speeds_are_added_up():
    text = device(Configured_Memory_Speed="4800 MT/s") + device(Configured_Memory_Speed="4400 MT/s")
    assert measure(text)["platform_dimm_speed_bytes_per_second"] == 9200e6 * 8


def test_a_number_that_is_known_of_some_modules_only_is_absent():
    text = device() + device("Unknown", Configured_Memory_Speed="Unknown", Speed="Unknown")
    assert measure(text) == {"platform_dimm_count": {"ram": 2}}


def test_memory_on_the_package_does_not_count_as_speed_of_ram():
    text = device("16 GB", "HBM2", Data_Width="1024 bits") + device()
    assert measure(text)["platform_dimm_speed_bytes_per_second"] == 2933e6 * 8
    assert measure(text)["platform_dimm_count"] == {"hbm": 1, "ram": 1}


def test_a_machine_without_modules_is_not_available():
    with pytest.raises(NotAvailable, match="no memory module"):
        measure(ARRAY + EMPTY)


def test_where_they_are_not_required_the_agent_starts_without_them():
    collector = NodeMemoryHardwareCollector(run=absent)
    collector.start()
    with pytest.raises(NotAvailable, match="not installed"):
        collector.attach(None)


def test_where_they_are_required_it_does_not_start_without_them():
    with pytest.raises(StartError, match="dmidecode is not installed; put that right, or do not"):
        NodeMemoryHardwareCollector(required=True, run=absent).start()
    with pytest.raises(StartError, match="no memory module"):
        NodeMemoryHardwareCollector(required=True, run=lambda: "").start()


def test_the_modules_are_read_once():
    asked = []
    collector = NodeMemoryHardwareCollector(required=True, run=lambda: asked.append(1) or device())
    collector.start()
    probe = collector.attach(None)
    for _ in range(3):
        probe.read({})
    assert asked == [1]
    assert (collector.scope, collector.blocking, collector.interval) == ("node", True, 3600)
