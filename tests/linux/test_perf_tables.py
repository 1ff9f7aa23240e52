"""The tables of events, compared with those that the kernel's perf tool is built from."""

import re

import pytest

from tests.pmu_events import pmu_events
from wca.linux.perf.cpu_model import CpuModel, event_family
from wca.linux.perf.events import KNOWN_EVENTS
from wca.linux.perf.tables import CORE_EVENTS, CORE_NAMES, UNCORE, UNCORE_NAMES
from wca.metrics.perf_table_metrics import PERF_TABLE_METRICS
from wca.metrics.uncore_metrics import UNCORE_METRICS

UNITS = {
    "IMC": "uncore_imc",
    "UPI": "uncore_upi",
    "L3PMC": "amd_l3",
    "DFPMC": "amd_df",
    "UMCPMC": "amd_umc",
}


@pytest.fixture(scope="module")
def kernels(request):
    # One archive of 140 MB is unpacked, which takes some seconds, and then kept.
    return pmu_events(request.config.cache)


def number(entry, *names):
    value = next((entry[name] for name in names if name in entry), "0")
    return int(str(value), 0)


def core_terms(entry):
    terms = {"event": number(entry, "EventCode", "ConfigCode"), "umask": number(entry, "UMask")}
    terms["cmask"] = number(entry, "CounterMask")
    return {term: value for term, value in terms.items() if value}


@pytest.mark.parametrize(
    ("family", "metric"), [(family, name) for family in CORE_EVENTS for name in CORE_EVENTS[family]]
)
def test_an_event_has_the_code_of_the_kernels_own_table(kernels, family, metric):
    event = CORE_EVENTS[family][metric]
    entry = kernels.entries(family)[event.source]
    assert core_terms(entry) == event.terms
    for left_out in ("MSRValue", "Invert", "EdgeDetect", "AnyThread", "Unit", "UMaskExt"):
        assert number(entry, left_out) == 0, f"{left_out} is not among the terms"


@pytest.mark.parametrize(
    ("family", "metric"), [(family, name) for family in UNCORE for name in UNCORE[family]]
)
def test_an_uncore_event_has_the_code_of_the_kernels_own_table(kernels, family, metric):
    counted = UNCORE[family][metric]
    for event in counted.events:
        entry = kernels.entries(family)[event.source]
        terms = core_terms(entry) | {"rdwrmask": number(entry, "RdWrMask")}
        assert {k: v for k, v in terms.items() if v} == {k: v for k, v in event.terms.items() if v}
        assert UNITS[entry["Unit"].upper()] == counted.pmu
        assert "UMaskExt" not in entry


@pytest.mark.parametrize("vendor", ["GenuineIntel", "AuthenticAMD"])
def test_the_family_is_the_one_that_the_perf_tool_finds(kernels, vendor):
    known = {*CORE_EVENTS, *UNCORE}
    families = {"GenuineIntel": [6, 15], "AuthenticAMD": [0x15, 0x17, 0x19, 0x1A]}[vendor]
    seen = set()
    for family in families:
        for model in range(256):
            for stepping in range(16):
                text = f"{vendor}-{family}-{model:X}-{stepping:X}"
                found = event_family(CpuModel(vendor, family, model, stepping))
                wanted = kernels.x86_family(text)
                if found is None and family == 0x1A:
                    continue  # Zen 6, which Linux 6.12 does not know yet
                assert found == (wanted if wanted in known else None), text
                seen.add(found)
    assert seen - {None} == {name for name in known if wanted_vendor(name) == vendor}


def wanted_vendor(family):
    if family.startswith("arm64/"):
        return "0x41"
    return "AuthenticAMD" if "amdzen" in family else "GenuineIntel"


def test_the_family_of_an_arm_processor_is_the_one_that_the_perf_tool_finds(kernels):
    seen = set()
    for part in range(0x1000):
        found = event_family(CpuModel("0x41", 0, part, 3))
        if found is not None:
            assert found == kernels.arm_family(0x410F0000 | part << 4)
            seen.add(found)
    assert seen == {family for family in CORE_EVENTS if family.startswith("arm64/")}


@pytest.mark.parametrize(
    ("model", "family"),
    [
        (CpuModel("GenuineIntel", 6, 0x55, 4), "x86/skylakex"),
        (CpuModel("GenuineIntel", 6, 0x55, 7), "x86/cascadelakex"),
        (CpuModel("GenuineIntel", 6, 0x6A, 6), "x86/icelakex"),
        (CpuModel("AuthenticAMD", 0x17, 0x31, 0), "x86/amdzen2"),
        (CpuModel("AuthenticAMD", 0x19, 0x11, 1), "x86/amdzen4"),
        (CpuModel("AuthenticAMD", 0x1A, 0x02, 1), "x86/amdzen5"),
        (CpuModel("0x41", 0, 0xD49, 0), "arm64/arm/neoverse-n2-v2"),
        (None, None),
    ],
)
def test_the_family_follows_from_vendor_family_model_and_stepping(model, family):
    assert event_family(model) == family


def test_a_model_number_alone_means_nothing():
    # 0x55 of Intel is Skylake; the same number of AMD's family 0x19 is a Zen 3.
    assert event_family(CpuModel("AuthenticAMD", 0x19, 0x55, 4)) == "x86/amdzen3"
    assert event_family(CpuModel("GenuineIntel", 15, 0x55, 4)) is None
    assert event_family(CpuModel("HygonGenuine", 6, 0x55, 4)) is None
    assert event_family(CpuModel("0x48", 0, 0xD0C, 0)) is None


@pytest.mark.parametrize(
    ("family", "metric", "config"),
    [
        ("x86/broadwellx", "task_stalled_mem_loads", 0x60006A3),
        ("x86/skylakex", "task_stalled_mem_loads", 0x140014A3),
        ("x86/cascadelakex", "task_offcore_requests_l3_miss_demand_data_rd", 0x10B0),
        ("x86/cascadelakex", "task_offcore_requests_demand_data_rd", 0x1B0),
        ("x86/cascadelakex", "task_offcore_requests_demand_rfo", 0x4B0),
        (
            "x86/cascadelakex",
            "task_offcore_requests_outstanding_l3_miss_demand_data_rd",
            0x1060,
        ),
        ("x86/cascadelakex", "task_mem_load_retired_local_pmm", 0x80D1),
        ("x86/cascadelakex", "task_mem_load_retired_local_dram", 0x1D3),
        ("x86/cascadelakex", "task_mem_load_retired_remote_dram", 0x2D3),
        ("x86/cascadelakex", "task_mem_inst_retired_loads", 0x81D0),
        ("x86/cascadelakex", "task_mem_inst_retired_stores", 0x82D0),
    ],
)
def test_the_codes_of_the_first_release_are_kept(family, metric, config):
    event = CORE_EVENTS[family][metric]
    assert event.event | event.umask << 8 | event.cmask << 24 == config


def test_every_event_of_the_tables_is_in_the_catalogue_and_the_other_way_round():
    assert {entry.name for entry in PERF_TABLE_METRICS} == set(CORE_NAMES)
    assert not set(CORE_NAMES) & KNOWN_EVENTS.keys()
    counters = {entry.name for entry in UNCORE_METRICS if entry.type == "counter"}
    assert counters == set(UNCORE_NAMES)


def test_the_two_offcore_metrics_say_what_they_count():
    helps = {entry.name: entry.help for entry in PERF_TABLE_METRICS}
    assert "added up over the cycles" not in helps["task_offcore_requests_l3_miss_demand_data_rd"]
    outstanding = "task_offcore_requests_outstanding_l3_miss_demand_data_rd"
    assert "under way, added up over the cycles" in helps[outstanding]


def test_a_note_ends_a_sentence_that_others_begin():
    for table in CORE_EVENTS.values():
        for event in table.values():
            assert re.fullmatch(r"counts [^.]+|", event.note), event
