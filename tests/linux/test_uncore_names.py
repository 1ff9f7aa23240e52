"""Names of events outside of the CPUs, and what is opened for them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.errors import ValidationError
from wca.linux.perf.cpu_model import CpuModel
from wca.linux.perf.pmu import Pmu, PmuEvent
from wca.linux.perf.pmu_terms import FormatField
from wca.linux.perf.uncore_names import (
    UncoreName,
    counts_on,
    parse_uncore_group,
    parse_uncore_name,
    pmu_kind,
    same_kind,
)

FORMATS = {
    "event": FormatField("config", tuple(range(8))),
    "umask": FormatField("config", tuple(range(8, 16))),
}
IMC = Pmu(
    "uncore_imc_0",
    14,
    (0,),
    FORMATS,
    {
        "cas_count_read": PmuEvent("event=0x04,umask=0x03", 6.103515625e-5, "MiB"),
        "clockticks": PmuEvent("event=0x00"),
    },
)
CASCADE_LAKE = CpuModel("GenuineIntel", 6, 0x55, 7)
ICE_LAKE = CpuModel("GenuineIntel", 6, 0x6A, 6)
UNKNOWN = CpuModel("GenuineIntel", 6, 0x3F, 2)


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("platform_cas_count_reads", UncoreName("platform_cas_count_reads")),
        ("platform_cas_count_reads/any/thing=x", UncoreName("platform_cas_count_reads")),
        (
            "some_event_name/uncore_imc/event=0x80,umask=3/",
            UncoreName("some_event_name", "uncore_imc", terms={"event": 128, "umask": 3}),
        ),
        (
            "x/uncore_cha/event=0x80,umask=3,config1=0x1",
            UncoreName("x", "uncore_cha", terms={"event": 128, "umask": 3, "config1": 1}),
        ),
        ("x/uncore_upi/config=0x80", UncoreName("x", "uncore_upi", terms={"config": 128})),
        ("x/uncore_imc/event=80/", UncoreName("x", "uncore_imc", terms={"event": 0x80})),
        (
            "x/amd_df/event=107,umask=38/",
            UncoreName("x", "amd_df", terms={"event": 0x107, "umask": 0x38}),
        ),
        ("x/uncore_imc/cas_count_read/", UncoreName("x", "uncore_imc", "cas_count_read")),
        (
            "power/energy-pkg/",
            UncoreName("platform_power_energy_pkg", "power", "energy-pkg"),
        ),
        ("msr/tsc", UncoreName("platform_msr_tsc", "msr", "tsc")),
    ],
)
def test_a_name_says_metric_pmu_and_event(name, parsed):
    assert parse_uncore_name(name) == parsed


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "write name/pmu/event="),
        ("platform_cas_count_read", "did you mean platform_cas_count_reads"),
        ("something", "write name/pmu/event="),
        ("/uncore_imc/event=1/", "begins with the metric's name"),
        ("a-b/uncore_imc/event=1/", "begins with the metric's name"),
        ("a/uncore imc/event=1/", "names no PMU and event"),
        ("a//event=1/", "names no PMU and event"),
        ("uncore_imc/event=4,umask=3/", "has no name for its metric, write name/uncore_imc/event"),
        ("a/uncore_imc/event=4/more/", "write name/pmu/event="),
        ("a/uncore_imc/event=zz/", "the term event is 'zz'"),
        ("a/uncore_imc/config=1,umask=2/", "has config, which already holds event and umask"),
        ("a/uncore_imc/event=1,event=2/", "given twice"),
        ("y" * 1000, "write name/pmu/event="),
    ],
)
def test_what_is_no_uncore_event_is_refused_in_one_sentence(name, sentence):
    with pytest.raises(ValidationError, match=sentence) as refused:
        parse_uncore_name(name)
    assert len(str(refused.value)) < 500
    assert "\n" not in str(refused.value)


@given(st.text(max_size=40) | st.text(alphabet="a/uncore_imc=0x,", max_size=30))
def test_any_text_is_an_uncore_event_or_a_sentence(text):
    with contextlib.suppress(ValidationError):
        assert parse_uncore_name(text).metric


def test_a_group_has_at_least_one_event():
    with pytest.raises(ValidationError, match="is empty"):
        parse_uncore_group([])


@pytest.mark.parametrize(
    ("pmu", "kind", "same"),
    [
        ("uncore_imc", "uncore_imc", True),
        ("uncore_imc_11", "uncore_imc", True),
        ("uncore_imc_free_running_0", "uncore_imc", False),
        ("uncore_imc_free_running_0", "uncore_imc_free_running", True),
        ("uncore_imc_0", "uncore_imc_0", True),
        ("uncore_m3upi_0", "uncore_upi", False),
        ("amd_l3", "amd_l3", True),
    ],
)
def test_a_kind_is_a_name_and_a_number(pmu, kind, same):
    assert same_kind(pmu, kind) is same


def opened(name, pmu, model):
    return [(one.event, one.scale) for one in counts_on(parse_uncore_name(name), pmu, model)]


def configs(name, pmu, model):
    return [event.config for event, _ in opened(name, pmu, model)]


@pytest.mark.parametrize(
    ("name", "model", "config"),
    [
        ("platform_cas_count_reads", CASCADE_LAKE, [0x304]),
        ("platform_cas_count_writes", CASCADE_LAKE, [0xC04]),
        ("platform_pmm_bandwidth_reads", CASCADE_LAKE, [0xE3]),
        ("platform_imc_clockticks", CASCADE_LAKE, [0]),
        ("platform_cas_count_reads", ICE_LAKE, [0xF04]),
        ("platform_rpq_occupancy", ICE_LAKE, [0x80, 0x81]),
        ("platform_cas_count_reads", UNKNOWN, [0x304]),  # as the kernel's own table says
        ("x/uncore_imc/umask=3/", None, [0x300]),  # U8: without event
        ("x/uncore_imc/config=304/", None, [0x304]),
    ],
)
def test_the_code_follows_the_processor_the_terms_or_the_kernel(name, model, config):
    assert configs(name, IMC, model) == config


def test_an_event_of_the_kernel_is_in_bytes_where_it_gives_a_multiple():
    ((event, scale),) = opened("uncore_imc/cas_count_read/", IMC, None)
    assert (event.name, event.config, scale) == ("platform_uncore_imc_cas_count_read", 0x304, 64)
    joules = Pmu(
        "power", 21, (0,), FORMATS, {"energy-pkg": PmuEvent("event=2", 2.0**-32, "Joules")}
    )
    assert opened("power/energy-pkg/", joules, None)[0][1] == 2.0**-32


@pytest.mark.parametrize(
    ("name", "model", "sentence"),
    [
        ("platform_rpq_occupancy", UNKNOWN, "no event of this processor is known"),
        ("platform_pmm_bandwidth_reads", None, "no event of this processor is known"),
        (
            "platform_upi_rxl_flits",
            CpuModel("AuthenticAMD", 0x19, 0x11, 1),
            "no event of x86/amdzen4 is known",
        ),
    ],
)
def test_a_metric_that_the_processor_lacks_is_refused(name, model, sentence):
    with pytest.raises(ValidationError, match=sentence):
        pmu_kind(parse_uncore_name(name), model)


def test_an_event_that_the_pmu_lacks_is_refused_with_the_nearest():
    with pytest.raises(ValidationError, match="has no event cas_read, it has cas_count_read"):
        opened("uncore_imc/cas_read/", IMC, None)
    with pytest.raises(ValidationError, match="names none itself"):
        opened("uncore_imc/cas_read/", Pmu("uncore_imc_0", 1), None)
    with pytest.raises(ValidationError, match="has no term rdwrmask"):
        opened("x/uncore_imc/event=1,rdwrmask=1/", IMC, None)
