"""The PMUs of sysfs, the terms of their events, and what the kernel is asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.errors import NotAvailable, ValidationError
from wca.linux.files import Kernel
from wca.linux.parse import Malformed
from wca.linux.perf.pmu import PMUS, Encoding, Pmu, PmuEvent, encode, pmu_names, read_pmu, read_pmus
from wca.linux.perf.pmu_terms import FormatField, parse_format, parse_terms
from wca.testing import KernelTree, PmuTree

BYTE = FormatField("config", tuple(range(8)))


@pytest.fixture
def tree(tmp_path):
    tree = KernelTree(tmp_path)
    events = {
        "cas_count_read": PmuEvent("event=0x04,umask=0x03", 6.103515625e-5, "MiB"),
        "clockticks": "event=0x00",
    }
    PmuTree(tree).add("uncore_imc_0", 14, cpumask="0,28", events=events)
    return tree


def test_a_pmu_has_type_cpus_fields_and_events(tree):
    assert read_pmu(tree.kernel, "uncore_imc_0") == Pmu(
        "uncore_imc_0",
        14,
        (0, 28),
        {"event": BYTE, "umask": FormatField("config", tuple(range(8, 16)))},
        {
            "cas_count_read": PmuEvent("event=0x04,umask=0x03", 6.103515625e-5, "MiB"),
            "clockticks": PmuEvent("event=0x00"),
        },
    )


def test_a_pmu_of_one_kind_of_cpus_lists_them_in_cpus(tree):
    tree.write(f"{PMUS}/cpu_atom/type", "10\n")
    tree.write(f"{PMUS}/cpu_atom/cpus", "16-23\n")
    assert read_pmu(tree.kernel, "cpu_atom").cpus == tuple(range(16, 24))


def test_a_pmu_without_a_mask_counts_on_any_cpu(tree):
    tree.write(f"{PMUS}/msr/type", "9\n")
    assert read_pmu(tree.kernel, "msr") == Pmu("msr", 9)


def test_what_cannot_be_understood_costs_only_itself(tree):
    folder = f"{PMUS}/uncore_imc_0"
    tree.write(f"{folder}/format/new", "config7:0-3\n")
    tree.write(f"{folder}/events/empty", "")
    tree.write(f"{folder}/events/cas_count_read.scale", "a lot\n")
    pmu = read_pmu(tree.kernel, "uncore_imc_0")
    assert set(pmu.formats) == {"event", "umask"}
    assert set(pmu.events) == {"cas_count_read", "clockticks"}
    assert pmu.events["cas_count_read"].scale is None


def test_a_pmu_without_a_type_is_left_out_and_named(tree, caplog):
    tree.write(f"{PMUS}/broken/type", "?\n")
    assert set(read_pmus(tree.kernel)) == {"uncore_imc_0"}
    assert "PMU broken is left out" in caplog.text
    with pytest.raises(Malformed, match=r"broken: expected one number"):
        read_pmu(tree.kernel, "broken")
    with pytest.raises(NotAvailable):
        read_pmu(tree.kernel, "absent")


def test_only_the_pmus_that_are_wanted_are_read(tree):
    tree.write(f"{PMUS}/broken/type", "?\n")
    assert pmu_names(tree.kernel) == ["broken", "uncore_imc_0"]
    assert set(read_pmus(tree.kernel, lambda name: name.startswith("uncore"))) == {"uncore_imc_0"}


def test_a_kernel_without_perf_has_no_pmus(tmp_path):
    assert read_pmus(KernelTree(tmp_path).kernel) == {}


def test_the_pmus_of_this_machine_are_understood():
    pmus = read_pmus(Kernel())
    assert pmus["software"].type == 1
    for pmu in pmus.values():
        for event in pmu.events.values():
            assert encode(pmu, parse_terms(event.terms)).type == pmu.type


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"config:0-7\n", BYTE),
        (b"config:0-7,32-35", FormatField("config", (*range(8), 32, 33, 34, 35))),
        (b"config1:0", FormatField("config1", (0,))),
        (b"config2:0-63", FormatField("config2", tuple(range(64)))),
    ],
)
def test_a_format_says_word_and_bits(data, field):
    assert parse_format(data) == field


@pytest.mark.parametrize(
    "data", [b"", b"config", b"config:", b"config:7-0", b"config:64", b"config:0-", b"config9:0"]
)
def test_what_is_no_format_is_malformed(data):
    with pytest.raises(Malformed, match="expected bits of a word"):
        parse_format(data)


@given(st.binary(max_size=40) | st.text(alphabet="config12:0379,-", max_size=20).map(str.encode))
def test_any_bytes_are_a_format_or_malformed(data):
    try:
        field = parse_format(data)
    except Malformed:
        return
    assert field.bits == tuple(sorted(set(field.bits)))
    assert 0 <= field.bits[0] <= field.bits[-1] < 64


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("event=0xd1,umask=0x20", {"event": 0xD1, "umask": 0x20}),
        ("event=0x3c,cmask=1,inv", {"event": 0x3C, "cmask": 1, "inv": 1}),
        ("event=12", {"event": 12}),
        ("event=0xcd, ldat=0x3", {"event": 0xCD, "ldat": 3}),
    ],
)
def test_terms_are_names_and_numbers(text, terms):
    assert parse_terms(text) == terms


def test_a_number_without_0x_is_hexadecimal_where_that_is_the_rule():
    assert parse_terms("event=80,umask=0x3", hexadecimal=True) == {"event": 0x80, "umask": 3}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "'' is no term, write name=value"),
        ("event=1,,umask=2", "'' is no term"),
        ("9=1", "'9=1' is no term"),
        ("event=1,event=2", "the term event is given twice"),
        ("event=1,core=?", "core=\\? leaves its value open"),
        ("event=", "the term event is '', write a number"),
        ("event=0x", "the term event is '0x', write a number"),
        ("event=-1", "the term event is '-1'"),
        ("event=ff", "the term event is 'ff'"),
        ("event=0x1ffffffffffffffff", "write a number such as"),
        ("event=99999999999999999999", "write a number such as"),
    ],
)
def test_what_are_no_terms_is_refused_in_one_sentence(text, sentence):
    with pytest.raises(ValidationError, match=sentence):
        parse_terms(text)


@given(st.text(max_size=40) | st.text(alphabet="eventumask=,0x1f?", max_size=30), st.booleans())
def test_any_text_is_terms_or_a_sentence(text, hexadecimal):
    try:
        terms = parse_terms(text, hexadecimal=hexadecimal)
    except ValidationError:
        return
    assert terms
    assert all(0 <= value < 1 << 64 for value in terms.values())


def test_values_go_to_the_bits_of_their_terms():
    formats = {
        "event": FormatField("config", (*range(8), 32, 33, 34, 35)),
        "umask": FormatField("config", tuple(range(8, 16))),
        "inv": FormatField("config", (23,)),
        "ldat": FormatField("config1", tuple(range(16))),
        "mask": FormatField("config2", (4, 6)),
    }
    pmu = Pmu("cpu", 4, formats=formats)
    terms = {"event": 0x1A0, "umask": 0x1E, "inv": 1, "ldat": 3, "mask": 2}
    assert encode(pmu, terms) == Encoding(4, 0x1_0080_1EA0, 3, 1 << 6)


def test_the_words_themselves_are_terms_of_every_pmu():
    assert encode(Pmu("x", 7), {"config": 5, "config1": 6, "config2": 7}) == Encoding(7, 5, 6, 7)


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({"umsk": 1}, "cpu has no term umsk, did you mean umask"),
        ({"thresh": 1}, "cpu has no term thresh, it has config, config1, config2, event, umask"),
        ({"event": 0x100}, "the term event of cpu has 8 bits, 0x100 is too large"),
    ],
)
def test_terms_that_the_pmu_lacks_are_refused_in_one_sentence(terms, sentence):
    pmu = Pmu("cpu", 4, formats={"event": BYTE, "umask": BYTE})
    with pytest.raises(ValidationError, match=sentence):
        encode(pmu, terms)


@given(st.sets(st.integers(0, 63), min_size=1), st.integers(0, (1 << 64) - 1))
def test_a_value_comes_back_from_its_bits(bits, value):
    field = FormatField("config", tuple(sorted(bits)))
    value &= (1 << len(bits)) - 1
    placed = field.place(value)
    assert placed & ~sum(1 << bit for bit in bits) == 0
    assert sum((placed >> bit & 1) << index for index, bit in enumerate(field.bits)) == value
