"""What the names of perf events mean: in general, and on CPUs of one kind."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.errors import ValidationError
from wca.linux.perf.cpu_model import CpuModel
from wca.linux.perf.events import KNOWN_EVENTS, PerfEvent
from wca.linux.perf.names import check_name, resolve_event, table_event
from wca.linux.perf.pmu import Pmu, PmuEvent
from wca.linux.perf.pmu_terms import FormatField
from wca.linux.perf.tables import CORE_NAMES


def bits(first, last, word="config"):
    return FormatField(word, tuple(range(first, last + 1)))


INTEL_FORMATS = {
    "event": bits(0, 7),
    "umask": bits(8, 15),
    "inv": bits(23, 23),
    "cmask": bits(24, 31),
    "ldat": bits(0, 15, "config1"),
}
CPU = Pmu("cpu", 4, None, INTEL_FORMATS, {"mem-loads": PmuEvent("event=0xcd,umask=0x1,ldat=3")})
ATOM = Pmu("cpu_atom", 10, (2, 3), INTEL_FORMATS, {"mem-loads": PmuEvent("event=0xd0,umask=0x5")})
ARM = Pmu("armv8_pmuv3_0", 8, None, {"event": bits(0, 15)}, {"l1d_cache": PmuEvent("event=0x004")})
CASCADE_LAKE = CpuModel("GenuineIntel", 6, 0x55, 7)
NEOVERSE_V1 = CpuModel("0x41", 0, 0xD40, 1)
ZEN4 = CpuModel("AuthenticAMD", 0x19, 0x11, 1)


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("task_cycles", "task_cycles"),
        ("cycles", "task_cycles"),
        ("cache-misses", "task_cache_misses"),
        ("task_mem_inst_retired_loads", "task_mem_inst_retired_loads"),
        ("some__r0302ff", "some__r0302ff"),
        ("mem-loads", "task_mem_loads"),
        ("Topdown.Slots", "task_topdown_slots"),
        ("cpu/mem-loads/", "task_cpu_mem_loads"),
        ("cpu_atom/mem-loads/", "task_cpu_atom_mem_loads"),
        ("cpu/event=0xd1,umask=0x20,name=l2_misses/", "l2_misses"),
    ],
)
def test_the_metric_follows_from_the_name_alone(name, metric):
    assert check_name(name) == metric


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("task_instrutions", "did you mean task_instructions"),
        ("task_mem_inst_retired_load", "did you mean task_mem_inst_retired_loads"),
        ("task_nothing_like_it_at_all", "write one of docs/metrics.md"),
        ("???", "there is no perf event"),
        ("", "there is no perf event ''"),
        ("a__r03", "expected 4, 6 or 16"),
        ("cpu/mem-loads", "is written pmu/event/"),
        ("cpu//", "is written pmu/event/"),
        ("/mem-loads/", "is written pmu/event/"),
        ("cpu/mem-loads/u", "is written pmu/event/"),
        ("cpu/event=0xd1/", "add ,name= with the name of its metric"),
        ("cpu/event=0xd1,name=a b/", "add ,name= with the name of its metric"),
        ("cpu/event=x,name=a/", "the term event is 'x'"),
        ("x" * 1000, "there is no perf event"),
    ],
)
def test_what_is_no_event_on_any_machine_is_refused_in_one_sentence(name, sentence):
    with pytest.raises(ValidationError, match=sentence) as refused:
        check_name(name)
    assert len(str(refused.value)) < 500
    assert "\n" not in str(refused.value)


@given(st.text(max_size=30) | st.text(alphabet="cpu/evnt=0x1,am_-r", max_size=30))
def test_any_text_is_a_name_or_a_sentence_and_resolves_or_says_why(text):
    try:
        metric = check_name(text)
    except ValidationError:
        return
    for pmu in (CPU, ATOM, None):
        with contextlib.suppress(ValidationError):
            assert resolve_event(text, pmu, CASCADE_LAKE).name == metric


@pytest.mark.parametrize("name", sorted(KNOWN_EVENTS))
def test_generic_events_are_the_same_for_every_pmu(name):
    assert resolve_event(name, ATOM, None) == resolve_event(name, None, None) == KNOWN_EVENTS[name]


def test_a_raw_event_needs_no_pmu():
    assert resolve_event("some__r0302ff", None, None).config == 0xFF000203


@pytest.mark.parametrize(
    ("name", "pmu", "event"),
    [
        ("mem-loads", CPU, PerfEvent("task_mem_loads", 4, 0x1CD, 3)),
        ("cpu/mem-loads/", CPU, PerfEvent("task_cpu_mem_loads", 4, 0x1CD, 3)),
        ("mem-loads", ATOM, PerfEvent("task_mem_loads", 10, 0x5D0)),
        ("l1d_cache", ARM, PerfEvent("task_l1d_cache", 8, 4)),
        ("cpu/event=0x3c,inv,cmask=2,name=idle/", CPU, PerfEvent("idle", 4, 0x0280003C)),
    ],
)
def test_events_of_the_kernel_and_terms_are_encoded_by_the_pmus_own_format(name, pmu, event):
    assert resolve_event(name, pmu, None) == event


@pytest.mark.parametrize(
    ("name", "pmu", "model", "config"),
    [
        ("task_stalled_mem_loads", CPU, CASCADE_LAKE, 0x140014A3),
        ("task_stalled_mem_loads", CPU, ZEN4, 0xA2D6),
        ("task_stalled_mem_loads", ARM, NEOVERSE_V1, 0x4005),
        ("task_mem_load_retired_local_pmm", CPU, CASCADE_LAKE, 0x80D1),
    ],
)
def test_events_of_the_tables_follow_the_processor(name, pmu, model, config):
    assert resolve_event(name, pmu, model) == PerfEvent(name, pmu.type, config)


@pytest.mark.parametrize(
    ("name", "pmu", "model", "sentence"),
    [
        ("mem-load", CPU, None, "cpu has no event mem-load, did you mean mem-loads"),
        ("cycle", CPU, None, "did you mean cycles"),
        ("cpu_atom/mem-load/", ATOM, None, "did you mean mem-loads"),
        ("cpu/mem-loads/", ATOM, None, "these CPUs have the PMU cpu_atom, not cpu"),
        ("mem-loads", None, None, "the kernel knows no counters of these CPUs"),
        ("cpu/event=0x1ff,name=x/", CPU, None, "has 8 bits"),
        ("cpu/evnt=1,name=x/", CPU, None, "has no term evnt, did you mean event"),
        ("task_mem_load_retired_local_pmm", CPU, ZEN4, "x86/amdzen4 has no such event"),
        ("task_stalled_mem_loads", CPU, None, "does not tell which processor"),
        (
            "task_stalled_mem_loads",
            CPU,
            CpuModel("GenuineIntel", 6, 0x1A, 5),
            "no table of events for GenuineIntel family 6 model 26",
        ),
    ],
)
def test_what_these_cpus_cannot_count_is_refused_in_one_sentence(name, pmu, model, sentence):
    with pytest.raises(ValidationError, match=sentence) as refused:
        resolve_event(name, pmu, model)
    assert repr(name) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_table_says_how_its_event_differs():
    assert table_event("task_mem_inst_retired_loads", CASCADE_LAKE).note == ""
    assert "dispatched" in table_event("task_mem_inst_retired_loads", ZEN4).note
    assert table_event("task_mem_inst_retired_loads", None) is None
    assert all(check_name(name) == name for name in CORE_NAMES)
