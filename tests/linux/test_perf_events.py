"""The names of perf events: what they mean, what is refused, and who shares a group."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.errors import ValidationError
from wca.linux.perf.events import KNOWN_EVENTS, PerfEvent, parse_event
from wca.metrics.perf_metrics import PERF_METRICS

HARDWARE, SOFTWARE, HW_CACHE, RAW = 0, 1, 3, 4
BYTES = st.integers(0, 255)
LABELS = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,20}", fullmatch=True).filter(
    lambda label: "__r" not in label
)


@pytest.mark.parametrize(
    ("name", "type_", "config"),
    [
        ("task_cycles", HARDWARE, 0),
        ("task_instructions", HARDWARE, 1),
        ("task_cache_references", HARDWARE, 2),
        ("task_cache_misses", HARDWARE, 3),
        ("task_clock_seconds", SOFTWARE, 1),
        ("task_context_switches", SOFTWARE, 3),
        ("task_l1d_load_misses", HW_CACHE, 0 | 0 << 8 | 1 << 16),
        ("task_llc_loads", HW_CACHE, 2),
        ("task_dtlb_store_misses", HW_CACHE, 3 | 1 << 8 | 1 << 16),
        ("task_node_prefetches", HW_CACHE, 6 | 2 << 8),
    ],
)
def test_a_known_event_has_the_codes_of_the_kernels_header(name, type_, config):
    event = parse_event(name)
    assert (event.name, event.type, event.config, event.config1) == (name, type_, config, 0)


@pytest.mark.parametrize(
    ("name", "config", "config1"),
    [
        ("some__r0302", 0x203, 0),
        ("some__r0302ff", 0xFF000203, 0),
        ("some__rc000", 0xC0, 0),
        ("some__r000001", 0x01000000, 0),
        ("some__r0302ff1234567890", 0xFF000203, 0x1234567890),
        ("some__r0302FF1234567890", 0xFF000203, 0x1234567890),
    ],
)
def test_a_raw_event_says_its_own_code(name, config, config1):
    assert parse_event(name) == PerfEvent(name, RAW, config, config1)


@given(LABELS, BYTES, BYTES, st.none() | st.tuples(BYTES, st.none() | st.integers(0, 16**10 - 1)))
def test_every_well_formed_raw_event_gives_back_what_was_written(label, event, umask, rest):
    digits, cmask, config1 = f"{event:02x}{umask:02x}", 0, 0
    if rest is not None:
        cmask, given_config1 = rest
        digits += f"{cmask:02x}"
        if given_config1 is not None:
            config1 = given_config1
            digits += f"{config1:010x}"
    parsed = parse_event(f"{label}__r{digits}")
    assert parsed.config & 0xFF == event
    assert parsed.config >> 8 & 0xFF == umask
    assert parsed.config >> 24 == cmask
    assert parsed.config1 == config1


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("cycles", "no perf event 'cycles', did you mean task_cycles"),
        ("task_instrutions", "did you mean task_instructions"),
        ("???", "a raw event is written name__rEEUU"),
        ("a__r01__r02", "'__r' stands in it more than once"),
        ("__r0302", "before '__r' stands a name"),
        ("a-b__r0302", "before '__r' stands a name"),
        ("a__r03", "has 2 digits after '__r', expected 4, 6 or 16"),
        ("a__r", "has 0 digits after '__r', expected 4, 6 or 16"),
        ("a__r0302ff12", "has 8 digits"),
        ("a__r03zz", "hexadecimal digits only"),
        ("a__r+302", "hexadecimal digits only"),
        ("a__r0x12", "hexadecimal digits only"),
        ("a__r\u0660302", "hexadecimal digits only"),
        ("a__r0302\n", "hexadecimal digits only"),
    ],
)
def test_what_is_no_event_is_refused_in_one_sentence(name, sentence):
    with pytest.raises(ValidationError, match=sentence.replace("?", r"\?")) as refused:
        parse_event(name)
    assert "\n" not in str(refused.value)


def event_or_sentence(name):
    try:
        return parse_event(name).name
    except ValidationError as refused:
        return "a sentence" if str(refused) else "nothing said"


@given(st.text())
def test_any_text_is_an_event_or_a_sentence(text):
    assert event_or_sentence(text) in (text, "a sentence")


@given(st.text(alphabet="_r0123fgx ", max_size=24))
def test_what_is_near_a_raw_event_is_one_or_a_sentence(text):
    assert event_or_sentence(text) in (text, "a sentence")


def test_every_event_is_in_the_catalogue_and_the_other_way_round():
    gauges = {"task_scaling_factor_avg", "task_scaling_factor_max"}
    gauges |= {"task_ipc", "task_ips", "task_cache_hit_ratio"}
    gauges |= {"task_cache_misses_per_kilo_instructions"}
    entries = {entry.name: entry for entry in PERF_METRICS}
    assert entries.keys() == KNOWN_EVENTS.keys() | gauges
    assert {entry.name for entry in PERF_METRICS if entry.type == "gauge"} == gauges
    for name, event in KNOWN_EVENTS.items():
        assert entries[name].type == "counter"
        assert (entries[name].unit == "seconds") == (event.divisor == 10**9)
